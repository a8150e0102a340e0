from __future__ import annotations

from torch import Tensor

from dynamix.models.memory import CentroidMemory, streamed_softmax_loss
from dynamix.registry import MODELS

from .weighted_loss import WeightedLoss


@MODELS.register_module()
class CentroidLoss(WeightedLoss):
    """Softmax of an image over the centroids of all identities.

    Source: DynaMix, efficient centroids; ReMix, centroid loss. Exact, whatever the
    number of identities; see :func:`~dynamix.models.memory.streamed_softmax_loss`.

    Args:
        temperature (float): Above 0. Defaults to 0.5.
        loss_weight (float): Defaults to 1.0.
    """

    def __init__(self, temperature: float = 0.5, loss_weight: float = 1.0) -> None:
        super().__init__(temperature, loss_weight)

    def forward(
        self, features: Tensor, labels: Tensor, memory: CentroidMemory
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 identities, rows of the memory; -1 is no
                anchor.
            memory (CentroidMemory): A centroid for each identity.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        valid = (labels >= 0) & memory.valid[labels.clamp_min(0)]
        loss = streamed_softmax_loss(
            features,
            memory.centroids,
            memory.valid,
            labels.masked_fill(~valid, -1),
            self.temperature,
        )
        return loss * self.loss_weight, valid
