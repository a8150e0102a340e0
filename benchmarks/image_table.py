"""The index of a million images: our table beside MMEngine's list of dicts.

Usage:
    OMP_NUM_THREADS=1 python benchmarks/image_table.py [--images 1000000] [--turns 3]
        [--markdown benchmarks/image_table.md]

Each measurement runs in a process of its own, the two kinds in turn: trust the ratios.
Both get the same records one by one, as from a reader that lists folders.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
from mmengine.dataset import BaseDataset

from dynamix.datasets import ImageTable, ImageTableBuilder, ReIDDataset

LOOKUPS = 20_000
ROWS = {
    'build_s': 'build and keep, s',
    'peak_mb': 'peak memory of the build, MB',
    'open_s': 'open in a later run, s',
    'held_bytes': 'bytes an image, in memory',
    'path_bytes': 'of them bytes of the path',
    'pickle_mb': 'sent to a spawned worker, MB',
    'lookup_us': 'look up one record, us',
}


class Listed(BaseDataset):
    """The same records as MMEngine keeps them."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(data_root='/data')

    def load_data_list(self) -> list[dict]:
        return [
            dict(img_path=path, identity=identity, video=video, frame=frame)
            for path, identity, video, frame in records(self.size)
        ]


def records(size: int) -> Iterator[tuple[str, int, int, int]]:
    """Path, identity, video and frame of tracklets of 25 images, 20 in a video."""
    for i in range(size):
        identity = i // 25
        video = identity // 20
        yield f'v{video:06d}/t{identity % 20:04d}/{i % 25:06d}.jpg', identity, video, i


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed_lookups(get: Callable[[int], object], size: int) -> float:
    rows = np.random.default_rng(0).integers(0, size, LOOKUPS).tolist()
    start = time.perf_counter()
    for row in rows:
        get(row)
    return (time.perf_counter() - start) / LOOKUPS * 1e6


def measure_table(size: int, folder: Path) -> dict[str, float]:
    before, start = peak_mb(), time.perf_counter()
    builder = ImageTableBuilder('/data')
    for path, identity, video, frame in records(size):
        builder.add(path, identity, video=video, frame=frame)
    builder.build().save(folder / 'a.table')
    built, peak = time.perf_counter() - start, peak_mb() - before
    del builder
    dataset = ReIDDataset()
    start = time.perf_counter()
    dataset.table = ImageTable.load(folder / 'a.table')
    int(dataset.table.identity.max()), int(dataset.table.video.max())
    opened = time.perf_counter() - start
    dataset._fully_initialized = True
    return dict(
        build_s=built,
        peak_mb=peak,
        open_s=opened,
        held_bytes=dataset.table.nbytes / size,
        path_bytes=len(dataset.table.arrays['paths']) / size,
        pickle_mb=len(pickle.dumps(dataset)) / 1e6,
        lookup_us=timed_lookups(dataset.get_data_info, size),
    )


def measure_list(size: int, folder: Path) -> dict[str, float]:
    del folder  # it keeps nothing: a later run builds it again
    before, start = peak_mb(), time.perf_counter()
    dataset = Listed(size)
    built = time.perf_counter() - start
    return dict(
        build_s=built,
        peak_mb=peak_mb() - before,
        open_s=built,
        held_bytes=(dataset.data_bytes.nbytes + dataset.data_address.nbytes) / size,
        path_bytes=sum(len(path) for path, *_ in records(1000)) / 1000,
        pickle_mb=len(pickle.dumps(dataset)) / 1e6,
        lookup_us=timed_lookups(dataset.get_data_info, size),
    )


def in_own_process(kind: str, size: int) -> dict[str, float]:
    command = [sys.executable, __file__, '--images', str(size), '--kind', kind]
    output = subprocess.check_output(command, text=True)
    return json.loads(output.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=1_000_000)
    parser.add_argument('--turns', type=int, default=3)
    parser.add_argument('--markdown', type=Path, help='write the table here too')
    parser.add_argument('--kind', choices=['table', 'list'], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.kind:
        measure = measure_table if args.kind == 'table' else measure_list
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(args.images, Path(folder))))
        return
    turns = [
        [in_own_process(kind, args.images) for kind in ('table', 'list')]
        for _ in range(args.turns)
    ]
    lines = [
        f'`python benchmarks/image_table.py --images {args.images}`: medians of '
        f'{args.turns} turns, {os.cpu_count()} cores ({platform.machine()}), Python '
        f'{platform.python_version()}, NumPy {np.__version__}.',
        '',
        f'| {args.images:,} images | ImageTable | MMEngine BaseDataset | ratio |',
        '| --- | --- | --- | --- |',
    ]
    for key, title in ROWS.items():
        ours, theirs = (median(turn[i][key] for turn in turns) for i in (0, 1))
        ratio = median(turn[1][key] / turn[0][key] for turn in turns)
        lines.append(f'| {title} | {ours:.3g} | {theirs:.3g} | {ratio:.3g} |')
    text = '\n'.join(lines) + '\n'
    print(text)
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == '__main__':
    main()
