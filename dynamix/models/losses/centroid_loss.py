from __future__ import annotations

from torch import Tensor, nn

from dynamix.models.memory import CentroidMemory
from dynamix.registry import MODELS

from .checks import check_loss_options


@MODELS.register_module()
class CentroidLoss(nn.Module):
    """Softmax of an image over the centroids of all identities.

    Source: DynaMix, efficient centroids; ReMix, centroid loss. Exact, whatever the
    number of identities; see
    :func:`~dynamix.models.memory.streamed_softmax_loss`.

    Args:
        temperature (float): Above 0. Defaults to 0.5.
        loss_weight (float): Defaults to 1.0.
        label_smoothing (float): Share of the target spread over all centroids, in
            ``[0, 1)``. Defaults to 0.0.
        num_hard_negatives (int, optional): Only so many of the most similar other
            centroids are negatives. Defaults to None, all of them.

    Raises:
        ValueError: If an argument is out of range, or both options are used.
    """

    def __init__(
        self,
        temperature: float = 0.5,
        loss_weight: float = 1.0,
        label_smoothing: float = 0.0,
        num_hard_negatives: int | None = None,
    ) -> None:
        super().__init__()
        check_loss_options(
            self, temperature, loss_weight, label_smoothing, num_hard_negatives
        )
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.label_smoothing = label_smoothing
        self.num_hard_negatives = num_hard_negatives

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
        loss, valid = memory.softmax_loss(
            features,
            labels,
            self.temperature,
            label_smoothing=self.label_smoothing,
            topk=self.num_hard_negatives,
        )
        return loss * self.loss_weight, valid
