from __future__ import annotations

from torch import nn


class WeightedLoss(nn.Module):
    """Base of the losses: a temperature and a weight.

    Args:
        temperature (float): Above 0; similarities are divided by it.
        loss_weight (float): Multiplies the loss.

    Raises:
        ValueError: If ``temperature`` is not above 0.
    """

    def __init__(self, temperature: float, loss_weight: float) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(
                f'{type(self).__name__}.temperature must be above 0, but got '
                f'{temperature}.'
            )
        self.temperature = temperature
        self.loss_weight = loss_weight
