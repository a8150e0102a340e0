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
)
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
            ``'augmentation'``, ``'centroid'`` and ``'camera_centroid'``; the ``type``
            follows from the name. A loss that is left out, or None, is not computed
            and needs no memory. Defaults to None, all.

    Raises:
        ValueError: If ``losses`` has none, or a value of ``memory`` is out of range.
        TypeError: If ``losses`` or ``memory`` has an unknown key.
    """

    def __init__(
        self,
        in_channels: int,
        memory: dict | None = None,
        losses: dict | None = None,
    ) -> None:
        super().__init__()
        losses = {name: {} for name in LOSS_TYPES} if losses is None else losses
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
        """
        if identity_table is self._identity_table:
            return
        multi = slice(0, identity_table.num_multi_camera_images)
        self._camera_rows = CameraRows(
            identity_table.original[multi],
            camera[multi],
            identity_table.num_multi_camera_identities,
        )
        sizes = identity_table.num_identities, len(self._camera_rows)
        for memory, size in zip((self.memory, self.camera_memory), sizes):
            if memory is not None:
                memory.resize(0)
                memory.resize(size)
        self._identity_table = identity_table
        self._scene = np.zeros(len(camera), np.int64) if scene is None else scene

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
            ValueError: If embeddings are not ``in_channels`` long.
        """
        table = self._bound_table()
        self._check_length(embedding)
        if self.memory is None:
            return
        if not self.keep_earlier_windows:
            first = table.num_multi_camera_identities
            self.memory.clear(torch.arange(first, len(self.memory)))
        if clear is not None:
            stale = torch.as_tensor(clear).long()
            self.memory.clear(stale[stale >= 0])
        # On the CPU the order of a sum, and so its rounding, is fixed.
        number = torch.as_tensor(identity).cpu().long()
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
        self._check_length(features)
        table = self._bound_table()
        index = np.array([s.image_index for s in data_samples], dtype=np.int64)
        label = table.lookup(index)
        # -1 for no image, whose label is -1 as well.
        scene = np.where(index >= 0, self._scene[index], -1).astype(np.int64)
        columns = np.stack([label, self._camera_rows.of_images(index), scene], 1)
        here = to_device(columns, features.device)
        everyone = torch.cat(dist.all_gather(here))
        labels, rows, _ = here.unbind(1)
        key_labels, key_rows, _ = everyone.unbind(1)
        scenes = here[:, 2], everyone[:, 2]
        anchors = _unit_rows(features)
        keys = _gather_unit_rows(momentum_features)
        memories = (self.memory, key_labels), (self.camera_memory, key_rows)
        for memory, key_row in memories:
            if memory is not None:
                memory.initialize(keys, key_row)

        again = keys
        if augmented_momentum_features is not None:
            again = _gather_unit_rows(augmented_momentum_features)
        own = torch.arange(len(index), device=features.device)
        own += dist.get_rank() * len(index)
        same_identity = to_device(self._camera_rows.rows_of(label), features.device)
        inputs = dict(
            instance=(anchors, labels, again, key_labels, *scenes),
            augmentation=(anchors, labels, keys, key_labels, *scenes, own),
            centroid=(anchors, labels, self.memory, key_labels),
            camera_centroid=(anchors, rows, same_identity, self.camera_memory),
        )
        losses = mean_over_anchors(
            {f'loss_{name}': loss(*inputs[name]) for name, loss in self.losses.items()}
        )

        for memory, key_row in memories:
            if memory is not None:
                memory.update(keys, key_row)
        return losses

    def _bound_table(self) -> IdentityTable:
        """Returns the identity table; the memory has room for its identities."""
        table = self._identity_table
        if table is None:
            raise RuntimeError(
                'CentroidMemoryHead does not know the training data: have '
                "dict(type='IdentityTableHook') among custom_hooks, or call "
                'head.bind(identity_table, camera) before training.'
            )
        if self.memory is not None and len(self.memory) < table.num_identities:
            self.memory.resize(table.num_identities)
        return table

    def _check_length(self, features: Tensor) -> None:
        if features.ndim != 2 or features.size(1) != self.in_channels:
            raise ValueError(
                f'head.in_channels is {self.in_channels}, but the embeddings have the '
                f'shape {tuple(features.shape)}; it must equal neck.in_channels.'
            )


def _unit_rows(features: Tensor) -> Tensor:
    """``[B, D]`` features scaled to length 1, float32 at least."""
    dtype = torch.promote_types(features.dtype, torch.float32)
    return nn.functional.normalize(features.to(dtype), dim=1)


def _gather_unit_rows(features: Tensor) -> Tensor:
    """``[B_all, D]`` unit rows of the features of all ranks, without gradient."""
    return torch.cat(dist.all_gather(_unit_rows(features.detach())))
