"""Speed of batch composition, beside a plain Python P x K sampler.

Usage:
    OMP_NUM_THREADS=1 python benchmarks/sampling.py [--seconds 2] [--scale 1.0]

Both samplers run in turn in the same process, so trust the ratios. The plain sampler
is what one writes first: dicts of lists of row numbers, and Python's ``random``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from mmengine.logging import MMLogger

from dynamix.datasets.samplers import (
    BatchComposer,
    Composition,
    MixedDataSampler,
    mixed_data_sampler,
)
from dynamix.structures import IdentityTable

BLOCK = 128  # as in MixedDataSampler
TURNS = 5


class PlainSampler:
    """One batch after the other from nested dicts of lists."""

    def __init__(self, data: SimpleNamespace, composition: Composition) -> None:
        self.multi, self.single = composition.multi_camera, composition.single_camera
        split = data.num_multi
        self.people: dict[int, list[int]] = defaultdict(list)
        self.cameras: dict[int, dict[int, list[int]]] = {}
        self.videos: dict[int, dict[int, list[int]]] = {}
        columns = zip(data.identity[:split].tolist(), data.camera[:split].tolist())
        for row, (identity, camera) in enumerate(columns):
            self.people[identity].append(row)
            by_camera = self.cameras.setdefault(identity, {})
            by_camera.setdefault(camera, []).append(row)
        columns = zip(data.identity[split:].tolist(), data.video[split:].tolist())
        for row, (identity, video) in enumerate(columns, split):
            self.videos.setdefault(video, {}).setdefault(identity, []).append(row)
        self.identity_list = list(self.people)
        self.video_list = list(self.videos)

    def batch(self, spread: bool) -> list[int]:
        """Rows of a batch; ``spread`` over cameras and time, or just any images."""
        rows: list[int] = []
        if self.multi is not None:
            for identity in random.sample(self.identity_list, self.multi.identities):
                if spread:
                    rows += over_cameras(self.cameras[identity], self.multi.images)
                else:
                    rows += some(self.people[identity], self.multi.images)
        if self.single is not None:
            for video in random.sample(self.video_list, self.single.videos):
                inside = self.videos[video]
                for identity in some(list(inside), self.single.identities):
                    images = inside[identity]
                    if spread:
                        rows += over_time(images, self.single.images)
                    else:
                        rows += some(images, self.single.images)
        return rows


def some(values: list[int], count: int) -> list[int]:
    if len(values) < count:
        return random.choices(values, k=count)
    return random.sample(values, count)


def over_cameras(cameras: dict[int, list[int]], count: int) -> list[int]:
    order = [random.sample(images, len(images)) for images in cameras.values()]
    random.shuffle(order)
    dealt: list[int] = []
    turn = 0
    while len(dealt) < count:
        dealt += [images[turn % len(images)] for images in order]
        turn += 1
    return dealt[:count]


def over_time(images: list[int], count: int) -> list[int]:
    size = len(images)
    edges = [number * size // count for number in range(count + 1)]
    return [
        images[random.randrange(low, max(high, low + 1))]
        for low, high in pairwise(edges)
    ]


def draw_data(people: int, images: int, tracklets: int, crops: int) -> SimpleNamespace:
    """Labels at random: 6 cameras, 20 tracklets a video on average."""
    rng = np.random.default_rng(0)
    multi = np.sort(rng.integers(0, people, images)).astype(np.int32)
    track = np.sort(rng.integers(0, max(tracklets, 1), crops)).astype(np.int32)
    video = np.sort(rng.integers(0, max(tracklets // 20, 1), tracklets))
    return SimpleNamespace(
        identity=np.concatenate([multi, people + track]).astype(np.int32),
        camera=rng.integers(0, 6, images + crops).astype(np.int32),
        video=np.append(np.full(images, -1), video[track]).astype(np.int32),
        num_multi=images,
        people=people,
    )


def compose_forever(composer: BatchComposer) -> Iterator[int]:
    start = 0
    while True:
        composer.compose(np.arange(start, start + BLOCK))
        start += BLOCK
        yield BLOCK


def plain_forever(sampler: PlainSampler, spread: bool) -> Iterator[int]:
    while True:
        sampler.batch(spread)
        yield 1


def keys_forever(sampler: MixedDataSampler) -> Iterator[int]:
    while True:
        sampler.set_epoch(sampler.epoch + 1)
        for number, _ in enumerate(sampler, 1):
            if number % sampler.rank_batch_size == 0:
                yield 1


def rates(streams: list[Iterator[int]], seconds: float) -> list[float]:
    """Median batches/s of each over several turns, taken one after the other."""
    found: list[list[float]] = [[] for _ in streams]
    for _ in range(TURNS):
        for stream, into in zip(streams, found):
            done, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds / TURNS:
                done += next(stream)
            into.append(done / (time.perf_counter() - start))
    return [median(values) for values in found]


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def rank_sampler(
    data: SimpleNamespace, parts: dict[str, Any], world_size: int
) -> MixedDataSampler:
    dataset = SimpleNamespace(
        identity_table=IdentityTable(data.identity, data.num_multi, data.people),
        camera=data.camera,
        video=data.video,
        sources=[
            SimpleNamespace(
                name='people', kind='multi_camera', identities=slice(0, data.people)
            )
        ],
        full_init=lambda: None,
    )
    info = (world_size - 1, world_size)
    with mock.patch.object(mixed_data_sampler, 'get_dist_info', return_value=info):
        return MixedDataSampler(dataset, **parts, iterations=10_000, seed=0)


def measure(title: str, data: SimpleNamespace, parts: dict, seconds: float) -> None:
    composition = Composition(**parts)
    sources = [('people', 0, data.people)]
    composer, index = timed(
        lambda: BatchComposer(
            composition,
            data.identity,
            data.camera,
            data.video,
            data.num_multi,
            sources,
            seed=0,
        )
    )
    _, first = timed(lambda: composer.compose(np.arange(BLOCK)))
    one, eight = (rank_sampler(data, parts, size) for size in (1, 8))
    plain, plain_index = timed(lambda: PlainSampler(data, composition))
    ours, keys_1, keys_8, easy, spread = rates(
        [
            compose_forever(composer),
            keys_forever(one),
            keys_forever(eight),
            plain_forever(plain, spread=False),
            plain_forever(plain, spread=True),
        ],
        seconds,
    )
    print(f'\n## {title}\n')
    print('| | index, s | batches/s | times plain |')
    print('|---|---|---|---|')
    for name, cost, rate in (
        ('plain Python, any images', plain_index, easy),
        ('plain Python, spread over cameras and time', plain_index, spread),
        ('BatchComposer', index, ours),
        ('MixedDataSampler, all keys of 1 rank', index, keys_1),
        ('MixedDataSampler, keys of 1 of 8 ranks', index, keys_8),
    ):
        print(f'| {name} | {cost:.2f} | {rate:,.0f} | {rate / spread:.1f} |')
    print(
        f'\nFirst {BLOCK} batches {first * 1e3:.0f} ms after the index exists.',
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=5, help='for each stream')
    parser.add_argument('--scale', type=float, default=1, help='size of the data')
    args = parser.parse_args()
    MMLogger.get_instance('sampling', log_level='ERROR')

    def size(full: int) -> int:
        return int(full * args.scale)

    measure(
        f'32 x 4, {size(250_000):,} identities, {size(3_500_000):,} images',
        draw_data(size(250_000), size(3_500_000), 0, 0),
        dict(multi_camera=dict(identities=32, images=4), single_camera=None),
        args.seconds,
    )
    measure(
        f'8 x 4 of {size(4_000):,} identities + 8 x 2 x 4 of {size(21_700):,} videos, '
        f'{size(434_000):,} tracklets, {size(10_700_000):,} images',
        draw_data(size(4_000), size(125_000), size(434_000), size(10_700_000)),
        dict(multi_camera={}, single_camera={}),
        args.seconds,
    )


if __name__ == '__main__':
    main()
