from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from dynamix.config_checks import check_keys, check_whole

Part = TypeVar('Part', 'MultiCameraPart', 'SingleCameraPart')


@dataclass(frozen=True)
class MultiCameraPart:
    """Multi-camera share of a batch: ``identities x images``.

    Args:
        identities (int): Different identities in a global batch. Defaults to 8.
        images (int): Images of each. Defaults to 4.
        source_weights (Mapping[str, float], optional): How identities are shared out
            among the sources, by name; only proportions matter. None: in proportion
            to the sources' numbers of identities, so that all identities are drawn
            equally often. Defaults to None.
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
        schedule (Sequence[tuple[int, int, int]], optional): ``(epoch, videos,
            identities)``, epochs counted from 0 and ascending: the balance that
            holds from this epoch on. ``videos * identities`` must stay the same.
            Ours. Defaults to None.
    """

    videos: int = 8
    identities: int = 2
    images: int = 4
    schedule: Sequence[tuple[int, int, int]] | None = None

    @property
    def size(self) -> int:
        """Images in a global batch."""
        return self.videos * self.identities * self.images

    @property
    def num_identities(self) -> int:
        """Different identities in a global batch, by whatever balance."""
        return self.videos * self.identities

    @property
    def balances(self) -> list[tuple[int, int]]:
        """All ``(videos, identities)`` that occur in training."""
        later = [(v, p) for _, v, p in self.schedule or ()]
        return [(self.videos, self.identities), *later]

    def balance(self, epoch: int) -> tuple[int, int]:
        """``(videos, identities)`` of an epoch."""
        now = (self.videos, self.identities)
        for start, videos, identities in self.schedule or ():
            if epoch >= start:
                now = (videos, identities)
        return now


class Composition:
    """What a global batch is made of, and which part of it a rank takes.

    Whole identities and whole videos are dealt to ranks, so the global batch is the
    same for any number of ranks. Its order: multi-camera images, then single-camera
    images; images of an identity, and identities of a video, stand together.

    Args:
        multi_camera (Mapping, optional): Arguments of :class:`MultiCameraPart`.
            None: no multi-camera images.
        single_camera (Mapping, optional): Arguments of :class:`SingleCameraPart`.
            None: no single-camera images.

    Raises:
        ValueError: If both are None, a number is not a positive integer or the
            schedule changes the size of the batch.
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
        self.single_camera = _build(
            'sampler.single_camera', SingleCameraPart, single_camera
        )
        if self.single_camera is not None:
            _check_schedule(self.single_camera)

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
        """Numbers of ranks among which a global batch can be shared out."""
        counts = [self.multi_camera.identities] if self.multi_camera else []
        if self.single_camera:
            counts += [videos for videos, _ in self.single_camera.balances]
        common = math.gcd(*counts)
        return [size for size in range(1, common + 1) if common % size == 0]

    def check_sources(self, num_images: Mapping[str, int]) -> None:
        """Raises ValueError unless a part has data, and data have a part.

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
        """Raises ValueError unless whole identities and videos can be dealt out."""
        if world_size in self.world_sizes:
            return
        counts, dealt = [], []
        if self.multi_camera:
            counts.append(f'multi_camera.identities={self.multi_camera.identities}')
            dealt.append('multi_camera.identities')
        if self.single_camera:
            videos = sorted({v for v, _ in self.single_camera.balances})
            counts.append(f'single_camera.videos={", ".join(map(str, videos))}')
            dealt.append('single_camera.videos (those of its schedule, too)')
        raise ValueError(
            f'train_dataloader.sampler: a global batch with {" and ".join(counts)} '
            f'cannot be dealt to {world_size} ranks in whole identities and videos; '
            f'possible numbers of ranks: {", ".join(map(str, self.world_sizes))}. '
            f'Start one of these numbers, or make {" and ".join(dealt)} divisible by '
            f'{world_size}.'
        )

    def columns(self, rank: int, world_size: int) -> np.ndarray:
        """``[batch_size / world_size]`` places in the global batch of a rank."""
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


def _check_schedule(part: SingleCameraPart) -> None:
    size = part.num_identities
    before = -1
    for entry in part.schedule or ():
        if (
            not isinstance(entry, Sequence)
            or len(entry) != 3
            or not all(isinstance(x, int) for x in entry)
        ):
            raise ValueError(
                'sampler.single_camera.schedule must list (epoch, videos, identities) '
                f'as integers, but has {entry!r}.'
            )
        epoch, videos, identities = entry
        if epoch <= before:
            raise ValueError(
                'the epochs of sampler.single_camera.schedule must be ascending and '
                f'not negative, but {epoch} follows {before}.'
            )
        before = epoch
        if min(videos, identities) < 1 or videos * identities != size:
            raise ValueError(
                'sampler.single_camera.schedule must keep the size of the batch: '
                f'videos x identities is {part.videos} x {part.identities} = {size} '
                f'(with {part.images} images of each throughout), but from epoch '
                f'{epoch} on it is {videos} x {identities} = {videos * identities}.'
            )
