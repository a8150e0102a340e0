from __future__ import annotations

from torch import Tensor

from dynamix.registry import MODELS

from .batch_loss import BatchLoss
from .contrastive import batch_centroid_loss


@MODELS.register_module()
class BatchCentroidLoss(BatchLoss):
    """Softmax of an image over the mean embeddings of the identities in the batch.

    Takes the place of :class:`CentroidLoss` where there is no memory, for comparison.
    See :func:`~dynamix.models.losses.batch_centroid_loss`.

    Args:
        temperature (float): Above 0. Defaults to 0.5.
        loss_weight (float): Defaults to 1.0.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, temperature: float = 0.5, loss_weight: float = 1.0) -> None:
        super().__init__(temperature, loss_weight)

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
        loss, valid = batch_centroid_loss(
            features, labels, keys, key_labels, self.temperature
        )
        return loss * self.loss_weight, valid
