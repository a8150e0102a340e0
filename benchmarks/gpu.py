"""Everything that only a GPU can show, in one table and at most eight minutes.

    bash benchmarks/gpu.sh [--wheels DIR] [--rehearsal] [--out FILE] [--parts NAME ...]

Each part runs in a process of its own: one that fails or takes too long leaves its
error in the table. ``--rehearsal`` runs the same at a small size, also on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER / 'scale')]

BUDGET = 470
Rows = list[tuple[str, str]]


def device() -> str:
    """Where the parts run."""
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def tests(rehearsal: bool) -> Rows:
    """The tests that need a GPU."""
    chosen = ['tests/test_evaluation/test_ranking.py'] if rehearsal else []
    command = [sys.executable, '-m', 'pytest', '-m', 'gpu', '-p', 'no:cacheprovider']
    output = subprocess.run(
        [*command, '--durations=0', *chosen],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
    ).stdout
    lines = output.strip().splitlines()
    failures = [line for line in lines if line.startswith(('FAILED', 'ERROR'))]
    return [('pytest -m gpu', '; '.join([*lines[-1:], *failures]))]


def centroid_loss(rehearsal: bool) -> Rows:
    """The centroid loss beside the limit and plain cross-entropy."""
    from centroid_loss import measure

    sizes = (2_000, 4_000) if rehearsal else (434_000, 1_000_000, 10_000_000)
    batch, dim = (16, 32) if rehearsal else (256, 768)
    found = []
    for count in sizes:
        for row in measure(
            (batch, dim, count), device(), 'float32', 1 + 4 * (not rehearsal)
        ):
            found.append(
                (
                    f'{batch} x {dim} x {count:,}: {row.name}',
                    f'{1e3 * statistics.median(row.seconds):.2f} ms, '
                    f'{statistics.median(row.ratio):.2f} times the limit, '
                    f'{row.extra_mib:,.0f} MiB more',
                )
            )
    return found


def ranking(rehearsal: bool) -> Rows:
    """CMC, mAP and mINP at the size of Market-1501."""
    from ranking import measure

    name, dim = ('small', 32) if rehearsal else ('market1501', 2048)
    found = []
    for trained in (True, False):
        row = measure(name, dim, trained, 1 if rehearsal else 3, device())
        found.append(
            (
                f'{row.shape}, mAP {row.mean_average_precision:.0f}',
                f'{row.ranking:.3f} s, {row.ratio:.2f} times the product of features; '
                f'full sort of each query {row.peers:.1f} s',
            )
        )
    return found


def ranks(rehearsal: bool) -> Rows:
    """Training on two ranks, over NCCL where there are GPUs."""
    if not rehearsal and torch.cuda.device_count() < 2:
        return [('two ranks over NCCL', f'not run: {torch.cuda.device_count()} GPU')]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'rows.json')
        subprocess.run(
            [
                *(sys.executable, '-m', 'torch.distributed.run', '--standalone'),
                *('--nproc_per_node', '2', str(FOLDER / 'gpu_training.py')),
                'r18_synthetic' if rehearsal else 'r50',
                *('--launcher', 'pytorch', '--json', str(file)),
            ],
            check=True,
            stdout=sys.stderr,
        )
        return json.loads(file.read_text())


def training(rehearsal: bool, name: str) -> Rows:
    """A recipe on drawn people."""
    from gpu_training import train

    return train('r18_synthetic' if rehearsal else name)


#: Parts in their order, with the most seconds that each may take.
PARTS: dict[str, tuple[Callable[[bool], Rows], int]] = {
    'tests': (tests, 120),
    'r50': (partial(training, name='r50'), 150),
    'vit-b': (partial(training, name='vit-b'), 150),
    'centroid loss': (centroid_loss, 90),
    'ranking': (ranking, 60),
    'two ranks': (ranks, 120),
}


def run_part(name: str, rehearsal: bool, seconds: float) -> Rows:
    """Rows of a part, or its error, from a process of its own."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder, 'rows.json'), Path(folder, 'log')
        command = [sys.executable, __file__, '--part', name, '--json', str(file)]
        with log.open('w') as stream:
            process = subprocess.Popen(
                command + ['--rehearsal'] * rehearsal,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
            try:
                code: int | str = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = f'no end after {seconds:.0f} s'
            finally:
                # loader workers and ranks, too
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        text = log.read_text(errors='replace')
        print(text, flush=True)
        rows = json.loads(file.read_text()) if file.exists() else []
        if code != 0:
            last = text.strip().splitlines()[-1:] or ['']
            rows.append(('FAILED', f'{code}: {last[0]}'))
    rows.append(('took', f'{time.monotonic() - begin:.0f} s'))
    return [(what, value) for what, value in rows]


def header() -> str:
    """Machine and versions."""
    import mmengine
    import mmpretrain
    import numpy as np

    machine = torch.cuda.get_device_name() if device() == 'cuda' else 'a CPU'
    return (
        '# On a GPU\n\n'
        f'`bash benchmarks/gpu.sh` on {machine}, {os.cpu_count()} CPU cores: Python '
        f'{sys.version.split()[0]}, torch {torch.__version__}, NumPy {np.__version__}, '
        f'mmengine {mmengine.__version__}, mmpretrain {mmpretrain.__version__}. '
        'Training: random weights, drawn people at 256 x 128, bfloat16.\n'
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rehearsal', action='store_true', help='small, also on a CPU')
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    parser.add_argument('--out', type=Path, help='by default gpu.md beside this file')
    parser.add_argument('--part', help=argparse.SUPPRESS)
    parser.add_argument('--json', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.part:
        rows = PARTS[args.part][0](args.rehearsal)
        args.json.write_text(json.dumps(rows))
        return
    if device() == 'cpu' and not args.rehearsal:
        raise SystemExit('there is no GPU: try --rehearsal')
    out = args.out
    if out is None and not args.rehearsal:
        out = FOLDER / 'gpu.md'
    # a rehearsal may run on a machine that is busy
    end = time.monotonic() + (10 if args.rehearsal else 1) * BUDGET
    lines = [header(), '| part | what | value |', '| --- | --- | --- |']
    for name in args.parts:
        left = end - time.monotonic()
        if left < 5:
            found = [('FAILED', 'not begun: no time left')]
        else:
            limit = left if args.rehearsal else min(PARTS[name][1], left)
            found = run_part(name, args.rehearsal, limit)
        for what, value in found:
            lines.append(f'| {name} | {what} | {value.replace("|", "/")} |')
        if out is not None:
            # after each part, so that a run that is stopped leaves what it found
            out.write_text('\n'.join(lines) + '\n')
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
