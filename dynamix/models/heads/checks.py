"""What a head does not take."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def check_loss_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raises a ValueError where losses are unknown or there are none."""
    names, known = sorted(names), sorted(known)
    if not names or set(names) - set(known):
        raise ValueError(f'head.losses must name some of {known}, but got {names}.')


def check_embeddings(features: Tensor, in_channels: int) -> None:
    """Raises a ValueError unless ``features`` are ``[B, in_channels]``."""
    if features.ndim != 2 or features.size(1) != in_channels:
        raise ValueError(
            f'head.in_channels is {in_channels}, but the embeddings have the shape '
            f'{tuple(features.shape)}; it must equal neck.in_channels.'
        )
