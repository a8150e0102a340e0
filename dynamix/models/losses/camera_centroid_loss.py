from __future__ import annotations

import math

import torch
from torch import Tensor

from dynamix.config_checks import check_whole
from dynamix.models.memory import CentroidMemory
from dynamix.registry import MODELS

from .contrastive import batch_logits, contrastive_loss
from .weighted_loss import WeightedLoss


@MODELS.register_module()
class CameraCentroidLoss(WeightedLoss):
    """Pulls an image to its identity's centroids under the other cameras.

    Positives are the centroids of the same identity under other cameras, negatives
    the most similar centroids of other identities under any camera; the identity's
    own centroid under the image's camera is neither. Source: ReMix, camera centroid
    loss.

    The memory is as small as the multi-camera data, so its ``[B, C]`` similarities
    are computed at once.

    Args:
        temperature (float): Above 0. Defaults to 0.07.
        loss_weight (float): Defaults to 0.5.
        num_hard_negatives (int): How many negatives count. Defaults to 50.
        shared_denominator (bool): Whether all positives are in one softmax, as in
            public code of camera-aware proxies, or each is compared with the
            negatives alone (ours). Defaults to False, each alone.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        loss_weight: float = 0.5,
        num_hard_negatives: int = 50,
        shared_denominator: bool = False,
    ) -> None:
        super().__init__(temperature, loss_weight)
        check_whole('CameraCentroidLoss.num_hard_negatives', num_hard_negatives, 1)
        self.num_hard_negatives = num_hard_negatives
        self.shared_denominator = shared_denominator

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
        own_rows = identity_rows.clamp_min(0)
        is_positive = (identity_rows >= 0) & (row >= 0)[:, None]
        is_positive &= (identity_rows != row[:, None]) & memory.valid[own_rows]
        with torch.no_grad():
            logits = batch_logits(features, memory.centroids, self.temperature)
            logits.masked_fill_(~memory.valid, -math.inf)
            # The last column is for the -1 that fill up.
            place = identity_rows.where(identity_rows >= 0, len(memory))
            logits = torch.nn.functional.pad(logits, (0, 1), value=-math.inf)
            logits.scatter_(1, place, -math.inf)
            count = min(self.num_hard_negatives, len(memory))
            hardest, columns = logits[:, :-1].topk(count, sorted=False)
        # A copy of rows, so that the memory may change before the backward pass.
        centroids = memory.centroids[torch.cat([own_rows, columns], dim=1)]
        loss, valid = contrastive_loss(
            batch_logits(features, centroids, self.temperature),
            torch.cat([is_positive, torch.zeros_like(columns, dtype=torch.bool)], 1),
            torch.cat([torch.zeros_like(is_positive), hardest > -math.inf], 1),
            self.shared_denominator,
        )
        return loss * self.loss_weight, valid
