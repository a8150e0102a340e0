from __future__ import annotations

from torch import Tensor, nn

from dynamix.models.memory import CentroidMemory
from dynamix.registry import MODELS

from .checks import check_loss_options
from .contrastive import contrastive_loss


@MODELS.register_module()
class CentroidLoss(nn.Module):
    """Softmax of an image over the centroids of all identities.

    Source: DynaMix, efficient centroids; ReMix, centroid loss. Exact, whatever the
    number of identities; see
    :func:`~dynamix.models.memory.streamed_softmax_loss`.

    Args:
        temperature (float): Above 0. Defaults to 0.5.
        loss_weight (float): Defaults to 1.0.
        label_smoothing (float): Share of the target spread over all centroids, in
            ``[0, 1)``. Defaults to 0.0.
        num_hard_negatives (int, optional): Only so many of the most similar other
            centroids are negatives. Defaults to None, all of them.
        negatives (str): ``'all'`` other identities, or those of the ``'same_scene'``
            alone, which are few; see :class:`~dynamix.models.CentroidMemoryHead`.
            The latter goes with neither of the two options before, nor with a
            sharded memory. Defaults to ``'all'``.

    Raises:
        ValueError: If an argument is out of range, or options do not fit together.
    """

    def __init__(
        self,
        temperature: float = 0.5,
        loss_weight: float = 1.0,
        label_smoothing: float = 0.0,
        num_hard_negatives: int | None = None,
        negatives: str = 'all',
    ) -> None:
        super().__init__()
        check_loss_options(
            self,
            temperature,
            loss_weight,
            label_smoothing,
            num_hard_negatives,
            negatives,
        )
        if negatives != 'all' and (label_smoothing or num_hard_negatives):
            raise ValueError(
                f'CentroidLoss: negatives={negatives!r} goes neither with '
                'label_smoothing nor with num_hard_negatives.'
            )
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.label_smoothing = label_smoothing
        self.num_hard_negatives = num_hard_negatives
        self.negatives = negatives

    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        memory: CentroidMemory,
        scenes: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 identities, rows of the memory; -1 is no
                anchor.
            memory (CentroidMemory): A centroid for each identity.
            scenes (tuple[Tensor, Tensor, Tensor], optional): ``[B]`` int64 scene of
                each anchor, ``[R]`` int64 identities of these scenes and ``[R]``
                int64 scene of each; needed for ``negatives='same_scene'``. Defaults
                to None, all are of one scene.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part. One alone in its scene has loss 0.

        Raises:
            ValueError: If scenes are looked at and the memory is sharded.
        """
        if self.negatives == 'same_scene' and scenes is not None:
            return self._within_scenes(features, labels, memory, *scenes)
        loss, valid = memory.softmax_loss(
            features,
            labels,
            self.temperature,
            label_smoothing=self.label_smoothing,
            topk=self.num_hard_negatives,
        )
        return loss * self.loss_weight, valid

    def _within_scenes(
        self,
        features: Tensor,
        labels: Tensor,
        memory: CentroidMemory,
        scene: Tensor,
        rows: Tensor,
        row_scene: Tensor,
    ) -> tuple[Tensor, Tensor]:
        if memory.shard.count > 1:
            raise ValueError(
                "CentroidLoss.negatives='same_scene' reads the centroids of a few "
                'scenes, which a sharded memory does not have at hand: set '
                'head.memory.sharded=False.'
            )
        # A copy, as the memory moves on before the backward.
        centroids, known = memory.centroids[rows], memory.initialized[rows]
        own = (rows == labels[:, None]) & (labels >= 0)[:, None]
        here = (scene[:, None] == row_scene) & known
        loss, valid = contrastive_loss(
            features, centroids, own & here, here & ~own, self.temperature
        )
        return loss * self.loss_weight, valid
