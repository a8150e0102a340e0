from __future__ import annotations

from torch import nn

NEGATIVES = ('all', 'same_scene')


def check_loss_options(
    loss: nn.Module,
    temperature: float,
    loss_weight: float,
    label_smoothing: float = 0.0,
    num_hard_negatives: int | None = None,
    negative_fraction: float = 1.0,
    negatives: str = 'all',
) -> None:
    """Refuses options of a loss that make no sense.

    Args:
        loss (nn.Module): The loss, named in messages.
        temperature (float): Must be above 0.
        loss_weight (float): Must not be below 0.
        label_smoothing (float): Must lie in ``[0, 1)``. Defaults to 0.0.
        num_hard_negatives (int, optional): Must be at least 1. Defaults to None.
        negative_fraction (float): Must lie in ``(0, 1]``. Defaults to 1.0.
        negatives (str): Must be one of ``NEGATIVES``. Defaults to ``'all'``.

    Raises:
        ValueError: If one is out of range, or two of ``label_smoothing``,
            ``num_hard_negatives`` and ``negative_fraction`` are combined.
    """
    name = type(loss).__name__
    if not temperature > 0:
        raise ValueError(f'{name}.temperature must be above 0, but got {temperature}.')
    if not loss_weight >= 0:
        raise ValueError(
            f'{name}.loss_weight must be at least 0, but got {loss_weight}.'
        )
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f'{name}.label_smoothing must lie in [0, 1), but got {label_smoothing}.'
        )
    if num_hard_negatives is not None and num_hard_negatives < 1:
        raise ValueError(
            f'{name}.num_hard_negatives must be None or at least 1, but got '
            f'{num_hard_negatives}.'
        )
    if negatives not in NEGATIVES:
        raise ValueError(
            f'{name}.negatives must be one of {NEGATIVES}, but got {negatives!r}.'
        )
    if not 0 < negative_fraction <= 1:
        raise ValueError(
            f'{name}.negative_fraction must lie in (0, 1], but got {negative_fraction}.'
        )
    if num_hard_negatives is not None and negative_fraction < 1:
        raise ValueError(
            f'{name}: the most similar of all negatives are not in a sample, so '
            'num_hard_negatives cannot be combined with negative_fraction.'
        )
    if label_smoothing and (num_hard_negatives is not None or negative_fraction < 1):
        raise ValueError(
            f'{name}: label_smoothing spreads the target over all centroids and '
            'cannot be combined with num_hard_negatives or negative_fraction.'
        )
