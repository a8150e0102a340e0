"""Times the feature bank: writes of a batch and reads in blocks, by number of images.

    OMP_NUM_THREADS=1 python benchmarks/scale/feature_bank.py

A batch is 64 random images, what the default recipe visits of single-camera data in an
iteration. Each row of the table comes from a process of its own. Kinds that need a GPU
are passed over, and named, where there is none.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from dynamix.relabeling import FeatureBank, LateWrite

BLOCK = 1 << 16
KINDS = dict(
    memory={},
    mapped=dict(path='bank.npy'),
    pinned=dict(pinned=True),
    gpu=dict(device='cuda'),
)


def measure(args: argparse.Namespace) -> None:
    """Prints microseconds a batch, MB resident, and seconds to read a million rows."""
    n, rng = args.images[0], np.random.default_rng(0)
    options = dict(KINDS[args.kind])
    on_gpu = args.kind in ('gpu', 'pinned')
    batches = [
        torch.from_numpy(rng.standard_normal((args.batch, args.dim), np.float32))
        for _ in range(8)
    ]
    if on_gpu:
        batches = [batch.cuda() for batch in batches]
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        if 'path' in options:
            options['path'] = str(Path(folder) / options['path'])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        bank = FeatureBank(n, args.dim, **options)
        times, late = [], None
        for now in range(args.writes):
            rows = rng.integers(0, n, args.batch)
            begin = time.perf_counter()
            # as in training: the batch before has arrived meanwhile
            arriving = LateWrite(bank, torch.from_numpy(rows), batches[now % 8], now)
            if late is not None:
                late.finish(lambda index: index)
            late = arriving
            times.append(time.perf_counter() - begin)
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        some = min(n, 1_000_000)
        for start in range(0, some, BLOCK):
            rows = np.arange(start, min(start + BLOCK, some))
            ones = torch.ones(len(rows), args.dim)
            bank.write(rows, ones.cuda() if on_gpu else ones, args.writes)
        begin = time.perf_counter()
        for start in range(0, some, BLOCK):
            np.array(bank.embedding[start : min(start + BLOCK, some)])
        read = (time.perf_counter() - begin) * 1e6 / some
    low, middle, high = np.quantile(times, [0.1, 0.5, 0.9]) * 1e6
    print(middle, low, high, resident / 1024, read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [10_000, 100_000, 1_000_000, 10_700_000]
    parser.add_argument('--images', type=int, nargs='+', default=sizes)
    parser.add_argument('--kinds', nargs='+', choices=list(KINDS), default=list(KINDS))
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--writes', type=int, default=2000)
    parser.add_argument('--folder', help='where mapped banks go')
    parser.add_argument('--kind', choices=list(KINDS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.kind:
        measure(args)
        return
    head = 'kind', 'images', 'write us', '10 % .. 90 %', 'bank MB', 'touched MB'
    print('| ' + ' | '.join((*head, 'read 1 M rows s')) + ' |')
    print('| --- ' * 7 + '|', flush=True)
    slopes = {}
    for kind in args.kinds:
        if kind in ('pinned', 'gpu') and not torch.cuda.is_available():
            print(f'| {kind} | not run: no GPU here | | | | | |', flush=True)
            continue
        writes = []
        for images in args.images:
            options = ['--kind', kind, '--images', str(images)]
            for name in ('dim', 'batch', 'writes', 'folder'):
                if getattr(args, name) is not None:
                    options += [f'--{name}', str(getattr(args, name))]
            output = subprocess.check_output(
                [sys.executable, __file__, *options], text=True
            )
            middle, low, high, resident, read = map(float, output.split())
            writes.append(middle)
            size = images * (args.dim * 2 + 4) / 2**20
            print(
                f'| {kind} | {images} | {middle:.0f} | {low:.0f} .. {high:.0f} | '
                f'{size:.0f} | {resident:.0f} | {read:.2f} |',
                flush=True,
            )
        if len(writes) > 1:
            slope = np.polyfit(np.log(args.images), np.log(writes), 1)[0]
            slopes[kind] = f'{slope:.3f}'
    print(f'\nGrowth of the write time, log-log slope: {slopes}')


if __name__ == '__main__':
    main()
