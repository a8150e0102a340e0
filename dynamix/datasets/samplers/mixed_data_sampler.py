from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from dynamix.config_checks import check_whole
from dynamix.datasets.sample_key import SampleKey
from dynamix.registry import DATA_SAMPLERS
from dynamix.structures import DROPPED

from .composition import Composition
from .multi_camera_planner import MultiCameraPlanner
from .single_camera_planner import SingleCameraPlanner
from .walk import Stream

_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


@DATA_SAMPLERS.register_module()
class MixedDataSampler(Sampler):
    """Batches of multi-camera and single-camera images in an exact composition.

    A global batch is ``identities x images`` multi-camera images, then ``videos x
    identities x images`` single-camera images: several identities of one video are
    hard negatives of each other, many videos give diversity. All batches of an epoch
    are planned when it begins, as a function of (seed, epoch, labels) alone: not of
    the number of ranks or loader workers, or of earlier epochs. See
    :class:`MultiCameraPlanner` and :class:`SingleCameraPlanner` for the rules.
    DynaMix, data sampling module; the reconstruction is ours.

    An epoch has a :meth:`window` of single-camera videos, whose labels
    :class:`~dynamix.engine.RelabelHook` repairs before its batches are planned.

    It belongs in the ``sampler`` slot of a data loader whose ``batch_size`` is
    :attr:`rank_batch_size`, and yields one :class:`SampleKey` per image.

    Args:
        dataset (MixedDataset): The data; its ``identity_table``, ``camera``,
            ``video`` and ``sources`` are read.
        multi_camera (Mapping, optional): ``identities`` (8), ``images`` (4) and
            ``source_weights`` (None), see :class:`MultiCameraPart`. None: no
            multi-camera images. Defaults to ``{}``.
        single_camera (Mapping, optional): ``videos`` (8), ``identities`` (2),
            ``images`` (4), ``window`` (None) and ``pool`` (``'repaired'``), see
            :class:`SingleCameraPart`. None: no single-camera images. Defaults to
            ``{}``.
        iterations (int): Batches in an epoch. Defaults to 400.
        seed (int, optional): Seed of all draws; None: one that the ranks agree on.
            Defaults to None.

    Raises:
        ValueError: If the composition is impossible: for this number of ranks, or
            because the data have fewer identities than a batch takes; if one kind of
            data is there without its part, or a part without data.
        TypeError: If ``dataset`` has no identity table.
    """

    def __init__(
        self,
        dataset: Any,
        multi_camera: Mapping[str, Any] | None = _DEFAULTS,
        single_camera: Mapping[str, Any] | None = _DEFAULTS,
        iterations: int = 400,
        seed: int | None = None,
    ) -> None:
        check_whole('sampler.iterations', iterations, 1)
        self.composition = Composition(multi_camera, single_camera)
        self.rank, self.world_size = get_dist_info()
        self.composition.check_world_size(self.world_size)
        self.iterations = iterations
        self.seed = sync_random_seed() if seed is None else int(seed)
        self.epoch = 0
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
        if not hasattr(dataset, 'identity_table'):
            raise TypeError(
                'MixedDataSampler draws from a MixedDataset, but train_dataloader.'
                f'dataset is a {type(dataset).__name__}: list readers under '
                'multi_camera or single_camera of a MixedDataset.'
            )
        self.table = table = dataset.identity_table
        first = table.num_multi_camera_images
        self.composition.check_sources(
            dict(multi_camera=first, single_camera=len(table) - first)
        )
        self.multi_camera: MultiCameraPlanner | None = None
        self.single_camera: SingleCameraPlanner | None = None
        if (part := self.composition.multi_camera) is not None:
            sources = [s for s in dataset.sources if s.kind == 'multi_camera']
            self.multi_camera = MultiCameraPlanner(
                table.original[:first],
                dataset.camera[:first],
                [(s.name, s.identities.start, s.identities.stop) for s in sources],
                part,
                self.seed,
            )
        if (single := self.composition.single_camera) is not None:
            found = len(np.setdiff1d(table.original[first:], [DROPPED]))
            if found < single.videos * single.identities:
                raise ValueError(
                    f'single_camera: a batch takes {single.videos} videos x '
                    f'{single.identities} identities, but the single-camera sources '
                    f'have {found} different ones with images.'
                )
            self.single_camera = SingleCameraPlanner(
                np.asarray(dataset.video), first, single, self.seed
            )
        print_log(
            f'A global batch: {self.composition}, {self.rank_batch_size} on each of '
            f'{self.world_size} rank(s); {iterations} batches an epoch; seed '
            f'{self.seed}.',
            logger='current',
        )

    @property
    def global_batch_size(self) -> int:
        """Images in a batch over all ranks."""
        return self.composition.batch_size

    @property
    def rank_batch_size(self) -> int:
        """Images in a batch of one rank; the data loader's ``batch_size``."""
        return self.global_batch_size // self.world_size

    def __len__(self) -> int:
        return self.iterations * self.rank_batch_size

    def set_epoch(self, epoch: int) -> None:
        """Moves to the start of an epoch; earlier ones need not have been run."""
        self.epoch = int(epoch)

    def window(self, epoch: int) -> list[np.ndarray]:
        """Rows of each video in the window of an epoch, a function of (seed, epoch).

        Windows are the steps of a random walk over all videos, each once before any
        a second time.

        Returns:
            list[np.ndarray]: ``W`` arrays of int64 rows of the mixed data set,
            ascending; none without single-camera data.
        """
        planner = self.single_camera
        return [planner.videos[i] for i in planner.window(epoch)] if planner else []

    def plan(self, epoch: int) -> np.ndarray:
        """All global batches of an epoch, by the labels of now.

        Returns:
            np.ndarray: ``[iterations, global_batch_size]`` int64 rows, ordered as
            :class:`Composition` says.
        """
        parts = []
        if self.multi_camera is not None:
            parts.append(self.multi_camera.plan(epoch, self.iterations))
        if self.single_camera is not None:
            identity = self.table.identity
            parts.append(self.single_camera.plan(identity, epoch, self.iterations))
        return np.concatenate(parts, axis=1)

    def __iter__(self) -> Iterator[SampleKey]:
        plan = self.plan(self.epoch)
        rng = np.random.default_rng((self.seed, Stream.AUGMENTATION, self.epoch))
        seeds = rng.integers(2**32, size=plan.shape)
        columns = self.composition.columns(self.rank, self.world_size)
        # a generator of its own, so that labels are read now and not at first use
        return map(
            SampleKey,
            plan[:, columns].ravel().tolist(),
            seeds[:, columns].ravel().tolist(),
        )
