from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from dynamix.config_checks import check_whole
from dynamix.datasets.sample_key import SampleKey
from dynamix.registry import DATA_SAMPLERS

from .batch_composer import BatchComposer
from .composition import Composition
from .multi_camera_composer import MultiCameraComposer
from .single_camera_composer import SingleCameraComposer

# Batches composed at once: spreads the cost of NumPy's calls, delays the first batch
# by milliseconds.
_BLOCK = 128
_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


@DATA_SAMPLERS.register_module()
class MixedDataSampler(Sampler):
    """Batches of multi-camera and single-camera images in an exact composition.

    A global batch is ``identities x images`` multi-camera images, then ``videos x
    identities x images`` single-camera images: several identities of one video are
    hard negatives of each other, many videos give diversity. Which images these are
    depends on the seed, the number of the batch and the labels at the start of the
    epoch alone: not on the number of ranks (each takes whole identities and whole
    videos of the same global batch), on loader workers, or on earlier epochs. See
    :class:`MultiCameraComposer` and :class:`SingleCameraComposer` for the rules,
    also for scarce data. DynaMix, data sampling module; the reconstruction is ours.

    It belongs in the ``sampler`` slot of a data loader whose ``batch_size`` is
    :attr:`rank_batch_size`, and yields one :class:`SampleKey` per image.

    Args:
        dataset (MixedDataset): The data; its ``identity_table``, ``camera``,
            ``video`` and ``sources`` are read.
        multi_camera (Mapping, optional): ``identities`` (8), ``images`` (4) and
            ``source_weights`` (None), see :class:`MultiCameraPart`. None: no
            multi-camera images. Defaults to ``{}``.
        single_camera (Mapping, optional): ``videos`` (8), ``identities`` (2),
            ``images`` (4) and ``schedule`` (None), see :class:`SingleCameraPart`.
            None: no single-camera images. Defaults to ``{}``.
        iterations (int): Batches in an epoch. Defaults to 400.
        seed (int, optional): Seed of the stream; None: one that the ranks agree on.
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
        self.table = dataset.identity_table
        multi_camera_images = self.table.num_multi_camera_images
        self.composition.check_sources(
            dict(
                multi_camera=multi_camera_images,
                single_camera=len(self.table) - multi_camera_images,
            )
        )
        self._version = self.table.version
        multi = [s for s in dataset.sources if s.kind == 'multi_camera']
        self.composer = BatchComposer(
            self.composition,
            self.table.identity,
            dataset.camera,
            dataset.video,
            multi_camera_images,
            [(s.name, s.identities.start, s.identities.stop) for s in multi],
            self.seed,
        )
        print_log(self.describe(), logger='current')

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

    def __iter__(self) -> Iterator[SampleKey]:
        if self._version != self.table.version:
            self.composer.relabel(self.table.identity)
            self._version = self.table.version
        # A generator of its own, so that labels are read now and not at first use.
        return self._keys(self.epoch)

    def _keys(self, epoch: int) -> Iterator[SampleKey]:
        columns = self.composition.columns(self.rank, self.world_size)
        first = epoch * self.iterations
        for start in range(first, first + self.iterations, _BLOCK):
            stop = min(start + _BLOCK, first + self.iterations)
            batches = np.arange(start, stop)
            rows = self.composer.compose(batches, epoch)[:, columns].ravel()
            seeds = self.composer.augmentation_seeds(batches, columns).ravel()
            # Half the time of SampleKey(row, seed), which is Python code.
            new_key = partial(tuple.__new__, SampleKey)
            yield from map(new_key, zip(rows.tolist(), seeds.tolist()))

    def describe(self) -> str:
        """The composition of a batch and the data it is drawn from, as text."""
        lines = [
            f'A global batch of {self.global_batch_size} images on {self.world_size} '
            f'rank(s), {self.rank_batch_size} images each; {self.iterations} batches '
            f'an epoch, seed {self.seed}:'
        ]
        if self.composer.multi_camera is not None:
            lines += self._describe_multi_camera(self.composer.multi_camera)
        if self.composer.single_camera is not None:
            lines += self._describe_single_camera(self.composer.single_camera)
        return '\n'.join(lines)

    def _describe_multi_camera(self, composer: MultiCameraComposer) -> list[str]:
        part, index = composer.part, composer.index
        few = int((index.group_rows < part.images).sum())
        lines = [
            f'  multi-camera: {part.identities} identities x {part.images} images = '
            f'{part.size} (a rank: {part.identities // self.world_size} identities); '
            f'{few} of {len(index.group)} identities have fewer than {part.images} '
            'images, which are repeated'
        ]
        for name, share, size in zip(
            composer.sources, composer.source_share, composer.source_size
        ):
            lines.append(
                f'    {name}: {share:.3g} identities a batch on average, of {size}'
            )
        return lines

    def _describe_single_camera(self, composer: SingleCameraComposer) -> list[str]:
        part, index = composer.part, composer.index
        small = int((index.group_size < part.identities).sum())
        lines = [
            f'  single-camera: {part.videos} videos x {part.identities} identities x '
            f'{part.images} images = {part.size} (a rank: '
            f'{part.videos // self.world_size} videos); {len(index.group)} videos, '
            f'{composer.num_identities} identities, {len(index.rows)} images'
        ]
        if small:
            lines.append(
                f'    {small} videos have fewer than {part.identities} identities: '
                'they are filled up from other videos'
            )
        if len(index.group) < part.videos:
            lines.append(
                f'    only {len(index.group)} videos: a batch takes more identities '
                'of each'
            )
        for epoch, videos, identities in part.schedule or ():
            lines.append(
                f'    after epoch {epoch}: {videos} videos x {identities} identities'
            )
        return lines
