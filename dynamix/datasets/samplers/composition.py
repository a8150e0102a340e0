from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from dynamix.config_checks import check_keys, check_whole

POOLS = ('window', 'repaired', 'all')

Part = TypeVar('Part', 'MultiCameraPart', 'SingleCameraPart')


@dataclass(frozen=True)
class MultiCameraPart:
    """Multi-camera share of a batch: ``identities x images``.

    Args:
        identities (int): Different identities in a global batch. Defaults to 8.
        images (int): Images of each. Defaults to 4.
        source_weights (Mapping[str, float], optional): Proportions in which
            identities are drawn from the sources, by source name. None: in proportion
            to the sources' numbers of identities. Defaults to None.
    """

    identities: int = 8
    images: int = 4
    source_weights: Mapping[str, float] | None = None

    @property
    def size(self) -> int:
        """Images in a global batch."""
        return self.identities * self.images


@dataclass(frozen=True)
class SingleCameraPart:
    """Single-camera share of a batch: ``videos x identities x images``.

    Args:
        videos (int): Different videos in a global batch. Defaults to 8.
        identities (int): Different identities of each video. Defaults to 2.
        images (int): Images of each identity. Defaults to 4.
        window (int, optional): Number of videos in the window of an epoch, see
            :meth:`MixedDataSampler.window`. None: all videos. Defaults to None.
        pool (str): Videos that batches are drawn from: ``'window'``, those of the
            epoch's window; ``'repaired'``, those of all windows so far, which keep
            their labels; ``'all'``. Defaults to ``'repaired'``.
    """

    videos: int = 8
    identities: int = 2
    images: int = 4
    window: int | None = None
    pool: str = 'repaired'

    @property
    def size(self) -> int:
        """Images in a global batch."""
        return self.videos * self.identities * self.images


class Composition:
    """Composition of a global batch, and the share of it that a rank takes.

    Whole identities and whole videos go to one rank, so the global batch is the same
    for any number of ranks. Order: multi-camera images, then single-camera images;
    images of an identity are contiguous, and so are identities of a video.

    Args:
        multi_camera (Mapping, optional): Arguments of :class:`MultiCameraPart`.
            None: no multi-camera images.
        single_camera (Mapping, optional): Arguments of :class:`SingleCameraPart`.
            None: no single-camera images.

    Raises:
        ValueError: If both are None or a value is out of range.
        TypeError: If a key is unknown.
    """

    def __init__(
        self,
        multi_camera: Mapping[str, Any] | None,
        single_camera: Mapping[str, Any] | None,
    ) -> None:
        if multi_camera is None and single_camera is None:
            raise ValueError(
                'sampler.multi_camera and sampler.single_camera cannot both be None.'
            )
        self.multi_camera = _build(
            'sampler.multi_camera', MultiCameraPart, multi_camera
        )
        self.single_camera = single = _build(
            'sampler.single_camera', SingleCameraPart, single_camera
        )
        if single is not None:
            if single.window is not None:
                check_whole('sampler.single_camera.window', single.window, 1)
            if single.pool not in POOLS:
                raise ValueError(
                    f'`sampler.single_camera.pool` must be one of {POOLS}, but got '
                    f'{single.pool!r}.'
                )

    @property
    def batch_size(self) -> int:
        """Images in a global batch."""
        return sum(
            part.size for part in (self.multi_camera, self.single_camera) if part
        )

    def __str__(self) -> str:
        parts = []
        if self.multi_camera:
            part = self.multi_camera
            parts.append(f'{part.identities} identities x {part.images}')
        if self.single_camera:
            one = self.single_camera
            parts.append(
                f'{one.videos} videos x {one.identities} identities x {one.images}'
            )
        return f'{" + ".join(parts)} = {self.batch_size} images'

    @property
    def world_sizes(self) -> list[int]:
        """Numbers of ranks among which a global batch can be divided."""
        counts = []
        if self.multi_camera:
            counts.append(self.multi_camera.identities)
        if self.single_camera:
            counts.append(self.single_camera.videos)
        common = math.gcd(*counts)
        return [size for size in range(1, common + 1) if common % size == 0]

    def check_sources(self, num_images: Mapping[str, int]) -> None:
        """Raises ValueError unless each part has data and all data have a part.

        Args:
            num_images (Mapping[str, int]): Images of each kind,
                ``dict(multi_camera=..., single_camera=...)``.
        """
        for kind, part in (
            ('multi_camera', self.multi_camera),
            ('single_camera', self.single_camera),
        ):
            found = num_images[kind]
            if (part is not None) == (found > 0):
                continue
            if part is not None:
                wrong = (
                    f'has a part {kind}, but train_dataloader.dataset no such source'
                )
                mend = f'list sources in train_dataloader.dataset.{kind}'
            else:
                wrong = (
                    f'leaves out {kind} (None), but train_dataloader.dataset has '
                    f'{found} {kind} images, which would never be drawn'
                )
                mend = f'give train_dataloader.sampler.{kind} a composition'
            without = (
                f'train_dataloader.dataset.{kind}=[] and '
                f'train_dataloader.sampler.{kind}=None'
            )
            if kind == 'single_camera':
                without += ', and take RelabelHook out of custom_hooks'
            raise ValueError(
                f'train_dataloader.sampler {wrong}. To train on {kind} data, {mend}; '
                f'to train without, set {without}.'
            )

    def check_world_size(self, world_size: int) -> None:
        """Raises ValueError unless whole identities and videos can be divided."""
        if world_size in self.world_sizes:
            return
        counts = []
        if self.multi_camera:
            counts.append(f'multi_camera.identities={self.multi_camera.identities}')
        if self.single_camera:
            counts.append(f'single_camera.videos={self.single_camera.videos}')
        raise ValueError(
            f'train_dataloader.sampler: a global batch with {" and ".join(counts)} '
            f'cannot be divided among {world_size} ranks in whole identities and '
            f'videos; possible numbers of ranks: '
            f'{", ".join(map(str, self.world_sizes))}. Start one of these numbers, or '
            f'make both numbers multiples of {world_size}.'
        )

    def columns(self, rank: int, world_size: int) -> np.ndarray:
        """``[batch_size / world_size]`` columns of the global batch of a rank."""
        taken, start = [], 0
        for part in (self.multi_camera, self.single_camera):
            if part is not None:
                share = part.size // world_size
                taken.append(start + rank * share + np.arange(share))
                start += part.size
        return np.concatenate(taken)


def _build(
    name: str, kind: type[Part], values: Mapping[str, Any] | None
) -> Part | None:
    if values is None:
        return None
    check_keys(name, values, [entry.name for entry in fields(kind)])
    part = kind(**values)
    for key in ('videos', 'identities', 'images'):
        check_whole(f'{name}.{key}', getattr(part, key, 1), 1)
    return part
