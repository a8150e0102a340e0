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

    def __str__(self) -> str:
        return f'{self.identities} identities x {self.images}'


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

    def __post_init__(self) -> None:
        if self.window is not None:
            check_whole('sampler.single_camera.window', self.window, 1)
        if self.pool not in POOLS:
            raise ValueError(
                f'`sampler.single_camera.pool` must be one of {POOLS}, but got '
                f'{self.pool!r}.'
            )

    @property
    def size(self) -> int:
        """Images in a global batch."""
        return self.videos * self.identities * self.images

    def __str__(self) -> str:
        return f'{self.videos} videos x {self.identities} identities x {self.images}'


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
        self.multi_camera = _build(
            'sampler.multi_camera', MultiCameraPart, multi_camera
        )
        self.single_camera = _build(
            'sampler.single_camera', SingleCameraPart, single_camera
        )
        both = self.multi_camera, self.single_camera
        self.parts = [part for part in both if part is not None]
        if not self.parts:
            raise ValueError(
                'sampler.multi_camera and sampler.single_camera cannot both be None.'
            )

    @property
    def batch_size(self) -> int:
        """Images in a global batch."""
        return sum(part.size for part in self.parts)

    def __str__(self) -> str:
        return f'{" + ".join(map(str, self.parts))} = {self.batch_size} images'

    def check_sources(self, num_images: Mapping[str, int]) -> None:
        """Raises ValueError unless each part has data and all data have a part.

        Takes the number of images of ``multi_camera`` and of ``single_camera``.
        """
        for kind, found in num_images.items():
            has_part = getattr(self, kind) is not None
            if has_part == (found > 0):
                continue
            problem = (
                f'has a part {kind}, but train_dataloader.dataset no such source'
                if has_part
                else f'leaves out {kind} (None), but train_dataloader.dataset has '
                f'{found} {kind} images'
            )
            hook = ', without RelabelHook' if kind == 'single_camera' else ''
            raise ValueError(
                f'train_dataloader.sampler {problem}. Give both; or, to train without '
                f'such data, set train_dataloader.dataset.{kind}=[] and '
                f'train_dataloader.sampler.{kind}=None{hook}.'
            )

    def check_world_size(self, world_size: int) -> None:
        """Raises ValueError unless whole identities and videos can be divided."""
        multi, single = self.multi_camera, self.single_camera
        common = math.gcd(
            multi.identities if multi else 0, single.videos if single else 0
        )
        possible = [size for size in range(1, common + 1) if common % size == 0]
        if world_size not in possible:
            raise ValueError(
                f'train_dataloader.sampler: a global batch of {self} cannot be divided '
                f'among {world_size} ranks in whole identities and videos; possible '
                f'numbers of ranks: {", ".join(map(str, possible))}. Start one of '
                'these numbers, or make multi_camera.identities and '
                f'single_camera.videos multiples of {world_size}.'
            )

    def columns(self, rank: int, world_size: int) -> np.ndarray:
        """``[batch_size / world_size]`` columns of the global batch of a rank."""
        taken, start = [], 0
        for part in self.parts:
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
