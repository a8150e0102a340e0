from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.registry import MODELS

from .contrastive import batch_logits
from .weighted_loss import WeightedLoss


@MODELS.register_module()
class BatchCentroidLoss(WeightedLoss):
    """Softmax of an image over the mean embeddings of the identities in the batch.

    :class:`CentroidLoss` without a memory; ours, for comparison. The centroid of an
    identity is the mean of its momentum embeddings, at unit length.

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
            keys (Tensor): ``[N, D]`` momentum embeddings of the global batch, of unit
                length; get no gradient.
            key_labels (Tensor): ``[N]`` int64; -1 belongs to no centroid.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part: those whose identity has a key.
        """
        same_key = (key_labels[:, None] == key_labels).to(keys.dtype)
        with torch.autocast(features.device.type, enabled=False):
            centroids = F.normalize(same_key @ keys.detach(), dim=1)
        logits = batch_logits(features, centroids, self.temperature)
        # One column a key; those of one identity are equal and share its weight.
        shared = logits - same_key.sum(dim=1).log()
        lowest = torch.finfo(logits.dtype).min / 2
        shared = shared.masked_fill(key_labels < 0, lowest)
        same = (labels[:, None] == key_labels) & (labels >= 0)[:, None]
        count = same.sum(dim=1)
        own = logits.masked_fill(~same, 0).sum(dim=1) / count.clamp_min(1)
        valid = count > 0
        loss = (shared.logsumexp(dim=1) - own).masked_fill(~valid, 0)
        return loss * self.loss_weight, valid
