from __future__ import annotations

import torch
from torch import Tensor

from dynamix.registry import MODELS

from .instance_loss import InstanceLoss


@MODELS.register_module()
class AugmentationLoss(InstanceLoss):
    """Pulls an augmented image to its own image without augmentation.

    The positive is the anchor's own key, negatives are the keys of other identities;
    other keys of its identity are ignored. Arguments are those of
    :class:`InstanceLoss`. Source: ReMix, augmentation loss.
    """

    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        keys: Tensor,
        key_labels: Tensor,
        scene: Tensor | None = None,
        key_scene: Tensor | None = None,
        own: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor, as of :meth:`InstanceLoss.forward`.

        Args:
            own (Tensor, optional): ``[B]`` int64, the key of the anchor's own image.
                Defaults to None, key ``i`` is of anchor ``i``.
        """
        number = torch.arange(len(keys), device=keys.device)
        own = number[: len(features)] if own is None else own
        is_own = own[:, None] == number
        return super().forward(
            features, labels, keys, key_labels, scene, key_scene, is_own
        )
