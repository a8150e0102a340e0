from __future__ import annotations

from torch import Tensor, nn

from dynamix.registry import MODELS

from .checks import check_loss_options, comparable_pairs
from .contrastive import instance_contrastive_loss


@MODELS.register_module()
class InstanceLoss(nn.Module):
    """Pulls an image to all images of its identity in the batch.

    See :func:`~dynamix.models.losses.instance_contrastive_loss`.

    Args:
        temperature (float): Above 0. Defaults to 0.1.
        loss_weight (float): Defaults to 1.0.
        negatives (str): ``'all'`` other identities of the batch, or those of the
            ``'same_scene'``; see :class:`~dynamix.models.CentroidMemoryHead`.
            Defaults to ``'all'``.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        loss_weight: float = 1.0,
        negatives: str = 'all',
    ) -> None:
        super().__init__()
        check_loss_options(self, temperature, loss_weight, negatives=negatives)
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.negatives = negatives

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
        comparable = comparable_pairs(self.negatives, scene, key_scene)
        loss, valid = instance_contrastive_loss(
            features, labels, keys, key_labels, self.temperature, comparable
        )
        return loss * self.loss_weight, valid
