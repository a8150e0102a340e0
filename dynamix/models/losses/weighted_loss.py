from __future__ import annotations

from torch import nn


class WeightedLoss(nn.Module):
    """Base of the losses: a temperature and a weight.

    Args:
        temperature (float): Above 0; similarities are divided by it.
        loss_weight (float): Not below 0.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, temperature: float, loss_weight: float) -> None:
        super().__init__()
        self.check(temperature > 0, 'temperature', 'above 0', temperature)
        self.check(loss_weight >= 0, 'loss_weight', 'at least 0', loss_weight)
        self.temperature = temperature
        self.loss_weight = loss_weight

    def check(self, right: bool, name: str, expected: str, found: object) -> None:
        """Raises ValueError that names the option unless it is right."""
        if not right:
            raise ValueError(
                f'{type(self).__name__}.{name} must be {expected}, but got {found!r}.'
            )
