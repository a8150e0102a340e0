from __future__ import annotations

from torch import Tensor

from dynamix.registry import MODELS

from .contrastive import instance_contrastive_loss
from .image_pair_loss import ImagePairLoss


@MODELS.register_module()
class InstanceLoss(ImagePairLoss):
    """Pulls an image to all images of its identity in the batch.

    See :func:`~dynamix.models.losses.instance_contrastive_loss`. Arguments are
    those of :class:`ImagePairLoss`.
    """

    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        keys: Tensor,
        key_labels: Tensor,
        scene: Tensor | None = None,
        key_scene: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64; -1 is no anchor.
            keys (Tensor): ``[N, D]`` momentum embeddings of the global batch.
            key_labels (Tensor): ``[N]`` int64.
            scene (Tensor, optional): ``[B]`` int64 scene of each anchor. Defaults to
                None, all are of one.
            key_scene (Tensor, optional): ``[N]`` int64 scene of each key.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        comparable = self.comparable(scene, key_scene)
        loss, valid = instance_contrastive_loss(
            features, labels, keys, key_labels, self.temperature, comparable
        )
        return loss * self.loss_weight, valid
