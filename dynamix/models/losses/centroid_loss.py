from __future__ import annotations

import torch
from torch import Tensor

from dynamix.models.memory import (
    CentroidMemory,
    draw_negatives,
    streamed_softmax_loss,
)
from dynamix.registry import MODELS

from .weighted_loss import WeightedLoss


@MODELS.register_module()
class CentroidLoss(WeightedLoss):
    """Softmax of an image over the centroids of all identities.

    Source: DynaMix, efficient centroids; ReMix, centroid loss. Exact, whatever the
    number of identities, or estimated from a share of them; see
    :func:`~dynamix.models.memory.streamed_softmax_loss`.

    Args:
        temperature (float): Above 0. Defaults to 0.5.
        loss_weight (float): Defaults to 1.0.
        negative_fraction (float): Share of the memory, in ``(0, 1]``, that is drawn in
            each iteration to stand for all negatives, beside the centroids of the
            batch's own identities; see
            :func:`~dynamix.models.memory.draw_negatives`. What is drawn depends on
            the number of draws so far, which checkpoints keep. Defaults to 1.0, all
            centroids.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        temperature: float = 0.5,
        loss_weight: float = 1.0,
        negative_fraction: float = 1.0,
    ) -> None:
        super().__init__(temperature, loss_weight)
        if not 0 < negative_fraction <= 1:
            raise ValueError(
                'CentroidLoss.negative_fraction must be in (0, 1], but got '
                f'{negative_fraction!r}.'
            )
        self.negative_fraction = negative_fraction
        self.num_draws = 0

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.num_draws)

    def set_extra_state(self, state: Tensor) -> None:
        self.num_draws = int(state)

    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        memory: CentroidMemory,
        batch_labels: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 identities, rows of the memory; -1 is no
                anchor.
            memory (CentroidMemory): A centroid for each identity.
            batch_labels (Tensor, optional): ``[B_all]`` int64 labels of all ranks, of
                which drawn negatives need to know. Defaults to None, ``labels``.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        valid = (labels >= 0) & memory.valid[labels.clamp_min(0)]
        rows, log_weight = None, memory.valid.float().log()
        if self.negative_fraction < 1:
            rows, log_weight = draw_negatives(
                labels if batch_labels is None else batch_labels,
                memory.valid,
                self.negative_fraction,
                self.num_draws,
            )
            self.num_draws += 1
        loss = streamed_softmax_loss(
            features,
            memory.centroids,
            labels.masked_fill(~valid, -1),
            self.temperature,
            rows=rows,
            log_weight=log_weight,
        )
        return loss * self.loss_weight, valid
