"""Relabeling on gloo processes."""

from __future__ import annotations

import os
import signal
import socket
import time
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.distributed as torch_dist

from dynamix.models.memory import CentroidMemory
from dynamix.relabeling import (
    DensityRule,
    FeatureBank,
    GlobalRule,
    RelabelRule,
    TrackedImages,
    VideoSplit,
    global_over_ranks,
    over_ranks,
    relabel_by_density_over_ranks,
    relabel_globally_over_ranks,
    relabel_over_ranks,
    video_blocks,
)
from dynamix.relabeling.exchange import Exchange

from .conftest import add_errors, draw_frames, make_videos

FIRST = 1000


def make_scene() -> SimpleNamespace:
    """Errors of all kinds, images of no tracklet, old and unhealthy embeddings."""
    scene = make_videos(images=20, spread=0.6)
    add_errors(scene, 0.1)
    rng = np.random.default_rng(1)
    scene.valid = rng.random(len(scene.video)) < 0.9
    draw_frames(scene, images=20)
    scene.embedding[::97] = np.nan
    scene.tracklet[5::101] = -1
    scene.tracklet = np.where(scene.tracklet < 0, -1, scene.tracklet + FIRST)
    return scene


def relabel_twice(scene: SimpleNamespace, rank: int, count: int) -> list[Any]:
    """The second relabeling starts from the labels of the first, with less evidence."""
    split = VideoSplit(scene.video, rank, count)
    own = split.rows
    results = []
    current = scene.tracklet
    for valid in (scene.valid, scene.valid & (np.arange(len(scene.valid)) % 3 > 0)):
        images = TrackedImages(
            scene.embedding[own],
            valid[own],
            scene.video[own],
            scene.tracklet[own],
            scene.frame[own],
        )
        result = relabel_over_ranks(
            images, split, current, RelabelRule(), first_identity=FIRST
        )
        result.report.seconds = 0
        results.append((result.identity.tolist(), str(result.report), len(split)))
        current = result.identity
    return results


def labels(rank: int, count: int) -> dict[str, Any]:
    """With the whole data as the sample, and with a part of it."""
    scene = make_scene()
    found = dict(whole=relabel_twice(scene, rank, count))
    video_blocks.SAMPLE = 1600
    found['sampled'] = relabel_twice(scene, rank, count)
    return found


def meet_again(scene: SimpleNamespace) -> SimpleNamespace:
    """The 30 people of the first six videos are those of the other six, too."""
    again = scene.person % 30
    rng = np.random.default_rng(2)
    centre = rng.normal(size=(30, scene.embedding.shape[1]))
    noise = rng.normal(size=scene.embedding.shape)
    scene.embedding = (centre[again] + 0.3 * noise).astype(np.float16)
    scene.person = again
    return scene


def make_city() -> SimpleNamespace:
    """People of several videos, with errors of all kinds."""
    scene = meet_again(make_scene())
    scene.embedding[::97] = np.nan
    return scene


def relabel_by_scopes(scene: SimpleNamespace, rank: int, count: int) -> dict[str, Any]:
    """Each scope twice: anew from the tracklets, and from its own labels."""
    split = VideoSplit(scene.video, rank, count)
    own = split.rows
    images = TrackedImages(
        scene.embedding[own],
        scene.valid[own],
        scene.video[own],
        scene.tracklet[own],
        scene.frame[own],
    )
    found: dict[str, Any] = {}
    for name, function, rule in (
        ('global', relabel_globally_over_ranks, GlobalRule(device='cpu')),
        ('dbscan', relabel_by_density_over_ranks, DensityRule(device='cpu')),
    ):
        current = scene.tracklet
        for turn in ('first', 'second'):
            result = function(images, split, current, rule, first_identity=FIRST)
            result.report.seconds = 0
            found[f'{name} {turn}'] = result.identity.tolist(), str(result.report)
            current = result.identity
    return found


def scopes(rank: int, count: int) -> dict[str, Any]:
    """With the whole data as the sample, and with a part of it."""
    scene = make_city()
    found = dict(whole=relabel_by_scopes(scene, rank, count))
    video_blocks.SAMPLE = 1600
    found['sampled'] = relabel_by_scopes(scene, rank, count)
    return found


def failing_in_the_merging(rank: int, count: int) -> dict[str, Any]:
    """Rank 0 fails where it decides for all."""
    global_over_ranks.relabel_globally = lambda *args, **kwargs: [][0]
    return scopes(rank, count)


def centroids(rank: int, count: int) -> dict[str, Any]:
    """Centroids that follow a relabeling, from a bank that the ranks share out."""
    rng = np.random.default_rng(0)
    video = np.repeat(np.arange(40), 25)
    before = video * 5 + rng.integers(-1, 5, 1000).clip(-1)
    after = np.where(
        rng.random(1000) < 0.7, before, video * 5 + rng.integers(0, 5, 1000)
    )
    after[rng.random(1000) < 0.05] = -1
    after[:50] = 201
    vectors = rng.normal(size=(1000, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    visited = rng.random(1000) < 0.8
    split = VideoSplit(video, rank, count)
    bank = FeatureBank(len(split), 6, 'float64')
    bank.write(split.local(np.flatnonzero(visited)), vectors[visited], 3)
    found = {}
    for sharded in (False, True) if count > 1 else (False,):
        memory = CentroidMemory(200, 6, dtype='float64', sharded=sharded)
        memory.initialize(torch.from_numpy(vectors[::2]), torch.from_numpy(before[::2]))
        rows = split.rows if count > 1 else None
        memory.follow_relabeling(before, after, bank, 202, rows)
        memory.gather()
        found[f'sharded={sharded}'] = memory.state_dict()
    return found


def failing(rank: int, count: int) -> dict[str, Any]:
    """The last rank fails in its own part."""
    if rank == count - 1:
        over_ranks.regroup = lambda *args: [][0]  # type: ignore[assignment]
    return labels(rank, count)


def dying(rank: int, count: int) -> dict[str, Any]:
    """The last rank is killed while the others wait for it."""
    if rank == count - 1:
        over_ranks.regroup = lambda *args: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore
    return labels(rank, count)


def dying_in_the_exchange(rank: int, count: int) -> dict[str, Any]:
    """The last rank is killed in the middle of the exchange of labels."""
    if rank == count - 1:
        collect = Exchange.collect

        def killed(self: Exchange, *args: Any, **kwargs: Any) -> np.ndarray:
            if args[-1] == 'the exchange of labels':
                os.kill(os.getpid(), signal.SIGKILL)
            return collect(self, *args, **kwargs)

        Exchange.collect = killed  # type: ignore[method-assign]
    return labels(rank, count)


def hanging(rank: int, count: int) -> dict[str, Any]:
    """The last rank never comes to the exchange."""
    if rank == count - 1:
        over_ranks.regroup = lambda *args: time.sleep(60)  # type: ignore
    return labels(rank, count)


def _worker(
    name: str, rank: int, count: int, port: int, folder: str, timeout: float
) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch_dist.init_process_group(
        'gloo', rank=rank, world_size=count, timeout=timedelta(seconds=timeout)
    )
    result: dict[str, Any] = {}
    begin = time.monotonic()
    try:
        result.update(globals()[name](rank, count))
    except Exception as error:
        result.update(error=f'{type(error).__name__}: {error}')
    result['seconds'] = time.monotonic() - begin
    torch.save(result, Path(folder) / f'{rank}.pt')
    os._exit(0)


def run_ranks(
    name: str, count: int, folder: Path, timeout: float = 60, leave: bool = False
) -> list[dict[str, Any] | None]:
    """What a function of this module returns on each rank; None where it did not.

    Args:
        name (str): The function.
        count (int): Number of ranks.
        folder (Path): For results.
        timeout (float): Of the process group, in seconds.
        leave (bool): Do not wait for the last rank, but end it.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    context = get_context('forkserver')
    # A server that has imported everything forks the ranks: no import for each.
    context.set_forkserver_preload([__name__])
    processes = [
        context.Process(
            target=_worker, args=(name, rank, count, port, str(folder), timeout)
        )
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes[: count - 1 if leave else count]:
        process.join(120)
    for process in processes:
        if process.is_alive():
            process.kill()
            process.join()
    files = [folder / f'{rank}.pt' for rank in range(count)]
    return [
        torch.load(file, weights_only=False) if file.exists() else None
        for file in files
    ]
