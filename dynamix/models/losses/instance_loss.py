from __future__ import annotations

from torch import Tensor

from dynamix.registry import MODELS

from .image_pair_loss import ImagePairLoss


@MODELS.register_module()
class InstanceLoss(ImagePairLoss):
    """Pulls an image to all images of its identity in the batch, its own included.

    Positives are the keys of the anchor's identity, negatives those of all others.
    Arguments are those of :class:`ImagePairLoss`. Source: ReMix, instance loss; that
    each positive has a softmax of its own is ours.
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
        """Loss of each anchor; see :meth:`ImagePairLoss.compare`."""
        return self.compare(features, labels, keys, key_labels, scene, key_scene)
