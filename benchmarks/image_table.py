"""The index of a million images: our table beside MMEngine's list of dicts.

    OMP_NUM_THREADS=1 python benchmarks/image_table.py

Each measurement runs in a process of its own, the two kinds in turn: trust the ratios.
Both get the same records one by one, as from a reader that lists folders.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from mmengine.dataset import BaseDataset

from dynamix.datasets import ImageTable, ImageTableBuilder, ReIDDataset

IMAGES, TURNS = 1_000_000, 3
ROWS = (
    'build and keep, s',
    'peak memory of the build, MB',
    'open in a later run, s',
    'bytes an image, in memory',
    'sent to a spawned worker, MB',
)


class Listed(BaseDataset):
    """The same records as MMEngine keeps them."""

    def load_data_list(self) -> list[dict]:
        return [
            dict(img_path=path, identity=identity, video=video, frame=frame)
            for path, identity, video, frame in records()
        ]


def records() -> Iterator[tuple[str, int, int, int]]:
    """Path, identity, video and frame of tracklets of 25 images, 20 in a video."""
    for i in range(IMAGES):
        identity = i // 25
        video = identity // 20
        yield f'v{video:06d}/t{identity % 20:04d}/{i % 25:06d}.jpg', identity, video, i


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_table() -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        before, start = peak_mb(), time.perf_counter()
        builder = ImageTableBuilder('/data')
        for path, identity, video, frame in records():
            builder.add(path, identity, video=video, frame=frame)
        builder.build().save(Path(folder, 'a.table'))
        built, peak = time.perf_counter() - start, peak_mb() - before
        del builder
        dataset = ReIDDataset()
        start = time.perf_counter()
        dataset.table = ImageTable.load(Path(folder, 'a.table'))
        int(dataset.table.identity.max()), int(dataset.table.video.max())
        opened = time.perf_counter() - start
        dataset._fully_initialized = True
        sent = len(pickle.dumps(dataset)) / 1e6
        return [built, peak, opened, dataset.table.nbytes / IMAGES, sent]


def measure_list() -> list[float]:
    """It keeps nothing: a later run builds it again."""
    before, start = peak_mb(), time.perf_counter()
    dataset = Listed(data_root='/data')
    built, peak = time.perf_counter() - start, peak_mb() - before
    held = dataset.data_bytes.nbytes + dataset.data_address.nbytes
    return [built, peak, built, held / IMAGES, len(pickle.dumps(dataset)) / 1e6]


KINDS = dict(table=measure_table, list=measure_list)


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(KINDS[sys.argv[1]]()))
        return
    turns = [
        [
            json.loads(subprocess.check_output([sys.executable, __file__, kind]))
            for kind in KINDS
        ]
        for _ in range(TURNS)
    ]
    print(f'| {IMAGES:,} images | ImageTable | MMEngine BaseDataset | ratio |')
    print('| --- | --- | --- | --- |')
    for row, title in enumerate(ROWS):
        ours, theirs = (median(turn[kind][row] for turn in turns) for kind in (0, 1))
        ratio = median(turn[1][row] / turn[0][row] for turn in turns)
        print(f'| {title} | {ours:.3g} | {theirs:.3g} | {ratio:.3g} |')


if __name__ == '__main__':
    main()
