from __future__ import annotations

import numpy as np
import torch
from mmengine import dist
from mmengine.model import BaseModule
from torch import Tensor, nn

from dynamix.config_checks import check_keys
from dynamix.models.losses import mean_over_anchors
from dynamix.models.memory import CameraRows, CentroidMemory
from dynamix.models.memory.follow_relabeling import EmbeddingSource
from dynamix.registry import MODELS
from dynamix.structures import IdentityTable, ReIDDataSample
from dynamix.transfers import to_device

from .batch_tensors import gather_keys, unit_rows

LOSS_TYPES = dict(
    instance='dynamix.InstanceLoss',
    augmentation='dynamix.AugmentationLoss',
    centroid='dynamix.CentroidLoss',
    camera_centroid='dynamix.CameraCentroidLoss',
    batch_centroid='dynamix.BatchCentroidLoss',
)
DEFAULT_LOSSES: dict[str, dict] = {
    name: {} for name in LOSS_TYPES if name != 'batch_centroid'
}
MEMORY_OPTIONS = ('momentum', 'dtype', 'chunk_size', 'sharded', 'backend')


@MODELS.register_module()
class CentroidMemoryHead(BaseModule):
    """The losses of DynaMix and the centroid memories behind them.

    Labels are looked up in the identity table that :meth:`bind` names, in the main
    process, when a batch arrives. Images without an identity now (dropped, or not
    readable) are no anchor, no positive and no negative. Negatives, means and memory
    updates are those of the global batch over all ranks; ranks must have batches of
    one size.

    A *scene* is what sees the same people: a multi-camera source, or a video. Hardly
    anybody is known to be in two scenes, and images of different scenes always differ
    in camera and place, too; taken as negatives they teach that another camera means
    another person. Losses with ``negatives='same_scene'`` pass them over (ours).

    Source: DynaMix, efficient centroids; losses as in ReMix.

    Args:
        in_channels (int): Length ``D`` of an embedding.
        memory (dict, optional): ``momentum``, ``dtype``, ``chunk_size``, ``sharded``
            and ``backend`` of :class:`~dynamix.models.memory.CentroidMemory`. The
            camera memory gets the same, but is never sharded: it is as small as the
            multi-camera data. Defaults to None.
        losses (dict, optional): Configs by name, any of ``'instance'``,
            ``'augmentation'``, ``'centroid'``, ``'camera_centroid'`` and
            ``'batch_centroid'`` (a centroid loss without memory, for comparison); the
            ``type`` follows from the name. A loss that is left out, or None, is not
            computed and needs no memory. Defaults to None, all but the last.
        init_cfg (dict, optional): Initialisation config. Defaults to None.

    Raises:
        ValueError: If ``losses`` has none, or a value of ``memory`` is out of range.
        TypeError: If ``losses`` or ``memory`` has an unknown key.
    """

    def __init__(
        self,
        in_channels: int,
        memory: dict | None = None,
        losses: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        losses = DEFAULT_LOSSES if losses is None else losses
        check_keys('head.losses', losses, LOSS_TYPES)
        losses = {name: cfg for name, cfg in losses.items() if cfg is not None}
        if not losses:
            raise ValueError(
                f'`head.losses` must have some of {", ".join(LOSS_TYPES)}.'
            )
        self.in_channels = in_channels
        self.losses = nn.ModuleDict(
            {
                name: MODELS.build(cfg, default_args=dict(type=LOSS_TYPES[name]))
                for name, cfg in losses.items()
            }
        )
        options = dict(memory or {})
        check_keys('head.memory', options, MEMORY_OPTIONS)
        self.memory: CentroidMemory | None = None
        self.camera_memory: CentroidMemory | None = None
        if 'centroid' in losses:
            self.memory = CentroidMemory(0, in_channels, **options)
        if 'camera_centroid' in losses:
            options['sharded'] = False
            self.camera_memory = CentroidMemory(0, in_channels, **options)
        self._identity_table: IdentityTable | None = None
        self._camera_rows: CameraRows | None = None
        self._scene: np.ndarray | None = None
        self._last_batch: tuple[Tensor, Tensor] | None = None

    def bind(
        self,
        identity_table: IdentityTable,
        camera: np.ndarray,
        scene: np.ndarray | None = None,
    ) -> None:
        """Names the training data; memories get its size and start empty.

        Binding to the same table again keeps the memories.

        Args:
            identity_table (IdentityTable): Identities of the ``N`` images.
            camera (np.ndarray): ``[N]`` integers not below 0, the camera of each
                image, unique over all sources.
            scene (np.ndarray, optional): ``[N]`` integers not below 0, the scene of
                each image. Defaults to None, all images are of one.

        Raises:
            ValueError: If the lengths differ.
        """
        if scene is None:
            scene = np.zeros(len(identity_table), np.int32)
        for name, column in (('camera', camera), ('scene', scene)):
            if len(column) != len(identity_table):
                raise ValueError(
                    f'{name} must have an entry for each of the {len(identity_table)} '
                    f'images of the identity table, but has {len(column)}.'
                )
        if identity_table is self._identity_table:
            return
        multi = slice(0, identity_table.num_multi_camera_images)
        rows = CameraRows(
            identity_table.original[multi],
            np.asarray(camera)[multi],
            identity_table.num_multi_camera_identities,
        )
        for memory, size in (
            (self.memory, identity_table.num_identities),
            (self.camera_memory, len(rows)),
        ):
            if memory is not None:
                memory.resize(0)
                memory.resize(size)
        self._identity_table, self._camera_rows = identity_table, rows
        self._scene = np.asarray(scene)

    @property
    def last_batch(self) -> tuple[Tensor, Tensor]:
        """Image indices, ``[B_all]`` int64, and momentum embeddings of the last batch.

        Of all ranks, on the model's device; -1 is no image. The embeddings are
        ``[B_all, D]``, of unit length, detached.

        Raises:
            RuntimeError: If no loss was computed yet.
        """
        if self._last_batch is None:
            raise RuntimeError('head.last_batch exists after head.loss was called.')
        return self._last_batch

    def loss(
        self,
        features: Tensor,
        momentum_features: Tensor,
        data_samples: list[ReIDDataSample],
        augmented_momentum_features: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of a batch; then the memories take it in.

        Args:
            features (Tensor): ``[B, D]`` of the augmented images, any length.
            momentum_features (Tensor): ``[B, D]`` of the plain images from the
                momentum encoder, any length; get no gradient.
            data_samples (list[ReIDDataSample]): ``B`` samples with ``image_index``.
            augmented_momentum_features (Tensor, optional): ``[B, D]`` of images
                augmented again, likewise, for the instance loss. Defaults to None, it
                takes the plain images.

        Returns:
            dict[str, Tensor]: ``loss_<name>`` of each configured loss, weighted
            scalars that are the same on all ranks.

        Raises:
            RuntimeError: If the head is not bound to its training data.
            ValueError: If embeddings are not ``in_channels`` long.
        """
        if features.ndim != 2 or features.size(1) != self.in_channels:
            raise ValueError(
                f'head.in_channels is {self.in_channels}, but the embeddings have the '
                f'shape {tuple(features.shape)}; it must equal neck.in_channels.'
            )
        if (
            self._identity_table is None
            or self._camera_rows is None
            or self._scene is None
        ):
            raise RuntimeError(
                'CentroidMemoryHead does not know the training data: have '
                "dict(type='IdentityTableHook') among custom_hooks, or call "
                'head.bind(identity_table, camera) before training.'
            )
        table, camera_rows = self._identity_table, self._camera_rows
        if self.memory is not None and len(self.memory) < table.num_identities:
            self.memory.resize(table.num_identities)
        index = np.array([s.image_index for s in data_samples], dtype=np.int64)
        labels = table.lookup(index)
        device = features.device
        # -1 for no image, whose label is -1 as well.
        scene = np.where(index >= 0, self._scene[index], -1).astype(np.int64)
        columns = [index, labels, camera_rows.of_images(index), scene]
        local = to_device(np.stack(columns, 1), device)
        anchors = unit_rows(features)
        embeddings = gather_keys(momentum_features)
        everyone = torch.cat(dist.all_gather(local))
        # rows of their own, as collective operations want them
        all_indices, key_labels, key_rows, key_scene = everyone.t().contiguous()
        self._last_batch = all_indices, embeddings
        _, labels_here, row, scene_here = local.t().contiguous()
        if self.memory is not None:
            self.memory.initialize(embeddings, key_labels)
        if self.camera_memory is not None:
            self.camera_memory.initialize(embeddings, key_rows)

        found: dict[str, tuple[Tensor, Tensor]] = {}
        batch = (anchors, labels_here, embeddings, key_labels)
        for name, loss in self.losses.items():
            if name == 'instance':
                keys = embeddings
                if augmented_momentum_features is not None:
                    keys = gather_keys(augmented_momentum_features)
                result = loss(
                    anchors, labels_here, keys, key_labels, scene_here, key_scene
                )
            elif name == 'batch_centroid':
                result = loss(*batch)
            elif name == 'augmentation':
                own = torch.arange(len(index), device=device)
                own += dist.get_rank() * len(index)
                result = loss(*batch, own, scene_here, key_scene)
            elif name == 'centroid':
                result = loss(anchors, labels_here, self.memory)
            else:
                same = to_device(camera_rows.rows_of(labels), device)
                result = loss(anchors, row, same, self.camera_memory)
            found[f'loss_{name}'] = result
        losses = mean_over_anchors(found)

        if self.memory is not None:
            self.memory.update(embeddings, key_labels)
        if self.camera_memory is not None:
            self.camera_memory.update(embeddings, key_rows)
        return losses

    def follow_relabeling(
        self,
        before: np.ndarray,
        after: np.ndarray,
        bank: EmbeddingSource,
        rows: np.ndarray | None = None,
    ) -> None:
        """Moves the centroids along with a relabeling of the identity table.

        Camera centroids belong to multi-camera identities, which never change.

        Args:
            before (np.ndarray): ``[n]`` old identities of the single-camera images,
                -1 for dropped ones.
            after (np.ndarray): ``[n]`` their identities now.
            bank (EmbeddingSource): ``embedding`` ``[n, D]`` and ``visited`` ``[n]`` of
                the same images, or of ``rows``.
            rows (np.ndarray, optional): ``[m]`` the images in this rank's bank, if
                the ranks share them out; then all call this. Defaults to None.

        Raises:
            ValueError: If the lengths differ.
        """
        if self.memory is not None:
            space = int(np.max(after, initial=-1)) + 1
            self.memory.follow_relabeling(before, after, bank, space, rows)
