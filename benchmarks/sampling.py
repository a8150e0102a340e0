"""Time to plan an epoch at the size of MSMT17 and LUPerson-NL.

    OMP_NUM_THREADS=1 python benchmarks/sampling.py

CPU seconds: building the sampler, planning an epoch of 400 batches of 96 images from a
window of 250 videos and from all windows so far, and the keys of one rank.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from dynamix.datasets.samplers import MixedDataSampler
from dynamix.structures import IdentityTable

IDENTITIES, IMAGES, CAMERAS = 4_101, 126_441, 15
VIDEOS, TRACKLETS, CROPS = 21_700, 434_000, 10_700_000
WINDOW, EPOCHS, ROUNDS = 250, (0, 50, 99), 3


def draw_data() -> SimpleNamespace:
    """What the sampler reads of a ``MixedDataset``, with labels at random."""
    rng = np.random.default_rng(0)
    person = np.sort(rng.integers(IDENTITIES, size=IMAGES))
    track = np.sort(rng.integers(TRACKLETS, size=CROPS))
    video = np.sort(rng.integers(VIDEOS, size=TRACKLETS))
    identity = np.concatenate([person, IDENTITIES + track]).astype(np.int32)
    source = SimpleNamespace(
        name='people', kind='multi_camera', identities=slice(0, IDENTITIES)
    )
    return SimpleNamespace(
        identity_table=IdentityTable(identity, IMAGES, IDENTITIES),
        camera=rng.integers(CAMERAS, size=IMAGES + CROPS).astype(np.int32),
        video=np.append(np.full(IMAGES, -1), video[track]).astype(np.int32),
        sources=[source],
    )


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.process_time()
    made = make()
    return made, time.process_time() - begin


def main() -> None:
    MMLogger.get_instance('sampling', log_level='ERROR')
    data = draw_data()
    print(f'{len(data.video):,} images, NumPy {np.__version__}\n')
    plans = ' | '.join(f'plan of epoch {epoch}, s' for epoch in EPOCHS)
    print(f'| pool | build, s | {plans} | its keys, s |')
    print('|---|---|---|' + '---|' * len(EPOCHS))
    for pool in ('window', 'repaired', 'all'):
        part = dict(window=WINDOW, pool=pool)
        times = []
        for _ in range(ROUNDS):
            sampler, build = timed(
                partial(MixedDataSampler, data, single_camera=part, seed=0)
            )
            planned = [timed(partial(sampler.plan, e))[1] for e in EPOCHS]
            _, whole = timed(partial(list, sampler))
            times.append([build, *planned, max(whole - planned[0], 0)])
        cells = ' | '.join(f'{value:.2f}' for value in np.median(times, axis=0))
        print(f'| {pool} | {cells} |', flush=True)


if __name__ == '__main__':
    main()
