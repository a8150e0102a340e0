from __future__ import annotations

from torch import Tensor, nn

from dynamix.models.memory import CentroidMemory
from dynamix.registry import MODELS

from .checks import check_loss_options


@MODELS.register_module()
class CameraCentroidLoss(nn.Module):
    """Pulls an image to its identity's centroids under the other cameras.

    Positives are the centroids of the same identity under other cameras, negatives
    the most similar centroids of other identities under any camera; the identity's
    own centroid under the image's camera is neither. Source: ReMix, camera centroid
    loss; each positive is judged on its own against the negatives (ours).

    Args:
        temperature (float): Above 0. Defaults to 0.07.
        loss_weight (float): Defaults to 0.5.
        num_hard_negatives (int, optional): How many negatives count. None for all.
            Defaults to 50.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        loss_weight: float = 0.5,
        num_hard_negatives: int | None = 50,
    ) -> None:
        super().__init__()
        check_loss_options(
            self, temperature, loss_weight, num_hard_negatives=num_hard_negatives
        )
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.num_hard_negatives = num_hard_negatives

    def forward(
        self,
        features: Tensor,
        row: Tensor,
        identity_rows: Tensor,
        memory: CentroidMemory,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            row (Tensor): ``[B]`` int64 row of the anchor's identity and camera; -1
                is no anchor.
            identity_rows (Tensor): ``[B, K]`` int64, all rows of the anchor's
                identity, filled up with -1.
            memory (CentroidMemory): A centroid for each (identity, camera) pair.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        apart = (identity_rows != row[:, None]) & (row >= 0)[:, None]
        positives = identity_rows.masked_fill(~apart, -1)
        loss, valid = memory.softmax_loss(
            features,
            positives,
            self.temperature,
            excluded=identity_rows,
            topk=self.num_hard_negatives,
        )
        return loss * self.loss_weight, valid
