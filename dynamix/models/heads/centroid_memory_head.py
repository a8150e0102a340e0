from __future__ import annotations

import numpy as np
import torch
from mmengine import dist
from mmengine.model import BaseModule
from torch import Tensor, nn

from dynamix.config_checks import check_keys
from dynamix.models.losses import mean_over_anchors
from dynamix.models.memory import CameraRows, CentroidMemory
from dynamix.registry import MODELS
from dynamix.structures import IdentityTable, ReIDDataSample
from dynamix.transfers import to_device

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
MEMORY_OPTIONS = ('momentum', 'dtype', 'keep_earlier_windows')


@MODELS.register_module()
class CentroidMemoryHead(BaseModule):
    """The losses of DynaMix and the centroid memories behind them.

    Labels are looked up in the identity table that :meth:`bind` names, in the main
    process, when a batch arrives. Images without an identity now (dropped, or not
    readable) are no anchor, no positive and no negative. Negatives, means and memory
    updates are those of the global batch over all ranks; ranks must have batches of
    one size.

    A *scene* is a multi-camera source or a video. An identity is hardly ever in two of
    them, and images of different scenes also differ in camera and place; as negatives
    they teach that another camera means another identity. Losses with
    ``negatives='same_scene'`` ignore them (ours).

    Source: DynaMix, efficient centroids; losses as in ReMix.

    Args:
        in_channels (int): Length ``D`` of an embedding.
        memory (dict, optional): ``momentum`` and ``dtype`` of
            :class:`~dynamix.models.memory.CentroidMemory`, for both memories; and
            ``keep_earlier_windows`` (default True): whether single-camera identities
            of earlier windows stay negatives when :meth:`set_centroids` opens a
            window. Defaults to None.
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
        self.keep_earlier_windows = bool(options.pop('keep_earlier_windows', True))
        self.memory: CentroidMemory | None = None
        self.camera_memory: CentroidMemory | None = None
        if 'centroid' in losses:
            self.memory = CentroidMemory(0, in_channels, **options)
        if 'camera_centroid' in losses:
            self.camera_memory = CentroidMemory(0, in_channels, **options)
        self._identity_table: IdentityTable | None = None
        self._camera_rows: CameraRows | None = None
        self._scene: np.ndarray | None = None

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
        sizes = identity_table.num_identities, len(rows)
        for memory, size in zip((self.memory, self.camera_memory), sizes):
            if memory is not None:
                memory.resize(0)
                memory.resize(size)
        self._identity_table, self._camera_rows = identity_table, rows
        self._scene = np.asarray(scene)

    def set_centroids(
        self,
        identity: np.ndarray | Tensor,
        embedding: Tensor,
        *,
        clear: np.ndarray | None = None,
    ) -> None:
        """Sets the centroids of a window from the embeddings of its images.

        Each identity that has an embedding gets the mean of its embeddings, at unit
        length. First ``clear`` is cleared, and without ``keep_earlier_windows`` all
        single-camera identities. Every rank must pass the same. Does nothing without
        a centroid loss.

        Args:
            identity (np.ndarray | Tensor): ``[n]`` integers; -1 leaves an image out.
            embedding (Tensor): ``[n, D]`` of unit length; rows that are not finite
                are left out.
            clear (np.ndarray, optional): ``[m]`` identities that are no more what
                they were, such as those the window's images had before. Defaults to
                None.

        Raises:
            RuntimeError: If the head is not bound to its training data.
            ValueError: If the shapes do not fit.
        """
        table, _, _ = self._training_data()
        number = torch.as_tensor(identity).cpu().long()
        if embedding.shape != (len(number), self.in_channels):
            raise ValueError(
                f'head.set_centroids got {len(number)} identities, so embedding must '
                f'have the shape {(len(number), self.in_channels)}, but has '
                f'{tuple(embedding.shape)}.'
            )
        if self.memory is None:
            return
        self._grow_memory(table)
        if not self.keep_earlier_windows:
            first = table.num_multi_camera_identities
            self.memory.clear(torch.arange(first, len(self.memory)))
        if clear is not None:
            stale = torch.as_tensor(clear).long()
            self.memory.clear(stale[stale >= 0])
        # On the CPU the order of a sum, and so its rounding, is fixed.
        vectors = embedding.detach().float().cpu()
        kept = (number >= 0) & vectors.isfinite().all(dim=1)
        rows, group = number[kept].unique(return_inverse=True)
        total = vectors.new_zeros(len(rows), self.in_channels)
        self.memory.set(rows, total.index_add_(0, group, vectors[kept]))

    # A compiler would unroll the loop over all centroids, and its backward pass may
    # read memories again, which are updated before.
    @torch.compiler.disable
    def loss(
        self,
        features: Tensor,
        momentum_features: Tensor,
        data_samples: list[ReIDDataSample],
        augmented_momentum_features: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of a batch; then the memories are updated from it.

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
        table, camera_rows, scenes = self._training_data()
        self._grow_memory(table)
        index = np.array([s.image_index for s in data_samples], dtype=np.int64)
        label = table.lookup(index)
        # -1 for no image, whose label is -1 as well.
        scene = np.where(index >= 0, scenes[index], -1).astype(np.int64)
        columns = np.stack([label, camera_rows.of_images(index), scene], 1)
        here = to_device(columns, features.device)
        everyone = torch.cat(dist.all_gather(here))
        labels, rows, scene_here = here.unbind(1)
        key_labels, key_rows, key_scene = everyone.unbind(1)
        anchors = _unit_rows(features)
        keys = _gather_unit_rows(momentum_features)
        memories = (self.memory, key_labels), (self.camera_memory, key_rows)
        for memory, key_row in memories:
            if memory is not None:
                memory.initialize(keys, key_row)

        batch = (anchors, labels, keys, key_labels)
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for name, loss in self.losses.items():
            if name == 'instance':
                again = keys
                if augmented_momentum_features is not None:
                    again = _gather_unit_rows(augmented_momentum_features)
                result = loss(anchors, labels, again, key_labels, scene_here, key_scene)
            elif name == 'augmentation':
                own = torch.arange(len(index), device=features.device)
                own += dist.get_rank() * len(index)
                result = loss(*batch, own, scene_here, key_scene)
            elif name == 'centroid':
                result = loss(anchors, labels, self.memory, key_labels)
            elif name == 'camera_centroid':
                same = to_device(camera_rows.rows_of(label), features.device)
                result = loss(anchors, rows, same, self.camera_memory)
            else:
                result = loss(*batch)
            found[f'loss_{name}'] = result
        losses = mean_over_anchors(found)

        for memory, key_row in memories:
            if memory is not None:
                memory.update(keys, key_row)
        return losses

    def _training_data(self) -> tuple[IdentityTable, CameraRows, np.ndarray]:
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
        return self._identity_table, self._camera_rows, self._scene

    def _grow_memory(self, table: IdentityTable) -> None:
        if self.memory is not None and len(self.memory) < table.num_identities:
            self.memory.resize(table.num_identities)


def _unit_rows(features: Tensor) -> Tensor:
    """``[B, D]`` features scaled to length 1, float32 at least."""
    dtype = torch.promote_types(features.dtype, torch.float32)
    return nn.functional.normalize(features.to(dtype), dim=1)


def _gather_unit_rows(features: Tensor) -> Tensor:
    """``[B_all, D]`` unit rows of the features of all ranks, without gradient."""
    return torch.cat(dist.all_gather(_unit_rows(features.detach())))
