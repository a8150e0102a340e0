from __future__ import annotations

from torch import Tensor

from dynamix.registry import MODELS

from .contrastive import batch_logits, contrastive_loss
from .weighted_loss import WeightedLoss

NEGATIVES = ('all', 'same_scene')


@MODELS.register_module()
class InstanceLoss(WeightedLoss):
    """Pulls an image to all images of its identity in the batch, its own included.

    Positives are the keys of the anchor's identity, negatives those of all others.
    Source: ReMix, instance loss; that each positive has a softmax of its own is ours.

    Args:
        temperature (float): Above 0. Defaults to 0.1.
        loss_weight (float): Defaults to 1.0.
        negatives (str): ``'all'`` other identities of the batch, or those of the
            ``'same_scene'``; see :class:`~dynamix.models.CentroidMemoryHead`.
            Defaults to ``'all'``.

    Raises:
        ValueError: If ``temperature`` or ``negatives`` is none of these.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        loss_weight: float = 1.0,
        negatives: str = 'all',
    ) -> None:
        super().__init__(temperature, loss_weight)
        if negatives not in NEGATIVES:
            raise ValueError(
                f'{type(self).__name__}.negatives must be one of {NEGATIVES}, but got '
                f'{negatives!r}.'
            )
        self.negatives = negatives

    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        keys: Tensor,
        key_labels: Tensor,
        scene: Tensor | None = None,
        key_scene: Tensor | None = None,
        is_positive: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64; -1 is no anchor.
            keys (Tensor): ``[N, D]`` momentum embeddings of the global batch.
            key_labels (Tensor): ``[N]`` int64; -1 is neither positive nor negative.
            scene (Tensor, optional): ``[B]`` int64 scene of each anchor. Defaults to
                None: all are of one.
            key_scene (Tensor, optional): ``[N]`` int64 scene of each key.
            is_positive (Tensor, optional): ``[B, N]`` bool. Defaults to None, all
                keys of the same identity.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        labelled = (labels >= 0)[:, None] & (key_labels >= 0)
        same = labels[:, None] == key_labels
        is_negative = labelled & ~same
        if self.negatives == 'same_scene' and scene is not None:
            is_negative &= scene[:, None] == key_scene
        loss, valid = contrastive_loss(
            batch_logits(features, keys, self.temperature),
            labelled & (same if is_positive is None else is_positive),
            is_negative,
        )
        return loss * self.loss_weight, valid
