from __future__ import annotations

from torch import Tensor, nn

from dynamix.registry import MODELS

from .checks import check_loss_options
from .contrastive import instance_contrastive_loss


@MODELS.register_module()
class InstanceLoss(nn.Module):
    """Pulls an image to all images of its identity in the batch.

    See :func:`~dynamix.models.losses.instance_contrastive_loss`.

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

    def forward(
        self, features: Tensor, labels: Tensor, keys: Tensor, key_labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64; -1 is no anchor.
            keys (Tensor): ``[N, D]`` momentum embeddings of the global batch.
            key_labels (Tensor): ``[N]`` int64.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        loss, valid = instance_contrastive_loss(
            features, labels, keys, key_labels, self.temperature
        )
        return loss * self.loss_weight, valid
