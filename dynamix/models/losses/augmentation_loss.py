from __future__ import annotations

from torch import Tensor

from dynamix.registry import MODELS

from .contrastive import augmentation_contrastive_loss
from .image_pair_loss import ImagePairLoss


@MODELS.register_module()
class AugmentationLoss(ImagePairLoss):
    """Pulls an augmented image to its own image without augmentation.

    See :func:`~dynamix.models.losses.augmentation_contrastive_loss`. Arguments are
    those of :class:`ImagePairLoss`.
    """

    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        keys: Tensor,
        key_labels: Tensor,
        own: Tensor,
        scene: Tensor | None = None,
        key_scene: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64; -1 is no anchor.
            keys (Tensor): ``[N, D]`` momentum embeddings of the global batch.
            key_labels (Tensor): ``[N]`` int64.
            own (Tensor): ``[B]`` int64, the key of the anchor's own image.
            scene (Tensor, optional): ``[B]`` int64 scene of each anchor. Defaults to
                None, all are of one.
            key_scene (Tensor, optional): ``[N]`` int64 scene of each key.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        comparable = self.comparable(scene, key_scene)
        loss, valid = augmentation_contrastive_loss(
            features, labels, keys, key_labels, own, self.temperature, comparable
        )
        return loss * self.loss_weight, valid
