from __future__ import annotations

import torch
from torch import Tensor

from dynamix.registry import MODELS

from .image_pair_loss import ImagePairLoss


@MODELS.register_module()
class AugmentationLoss(ImagePairLoss):
    """Pulls an augmented image to its own image without augmentation.

    The positive is the anchor's own key, negatives are the keys of other identities;
    other keys of its identity are ignored. Arguments are those of
    :class:`ImagePairLoss`. Source: ReMix, augmentation loss.
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
            features (Tensor): As of :meth:`ImagePairLoss.compare`, as all others but
                ``own``.
            labels (Tensor): ``[B]`` int64.
            keys (Tensor): ``[N, D]``.
            key_labels (Tensor): ``[N]`` int64.
            own (Tensor): ``[B]`` int64, the key of the anchor's own image.
            scene (Tensor, optional): ``[B]`` int64. Defaults to None.
            key_scene (Tensor, optional): ``[N]`` int64. Defaults to None.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        is_own = own[:, None] == torch.arange(len(keys), device=keys.device)
        return self.compare(
            features, labels, keys, key_labels, scene, key_scene, is_own
        )
