from __future__ import annotations

from torch import nn

from .checks import check_loss_options


class BatchLoss(nn.Module):
    """What losses over the keys of a batch have in common.

    Args:
        temperature (float): Above 0. Defaults to 0.1.
        loss_weight (float): Defaults to 1.0.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, temperature: float = 0.1, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_loss_options(self, temperature, loss_weight)
        self.temperature = temperature
        self.loss_weight = loss_weight
