"""Trains the cells (bed, row, seed) of the ablation, each in a process of its own.

    python benchmarks/ablation/run.py --bed sparse --row raw dynamix truth --seeds 5
    python benchmarks/ablation/run.py --bed demo36 clean --row raw --seeds 0 3 7

A row is a config of benchmarks/ablation/configs, a bed one of its `_base_/bed_*.py`.
The result of a cell is `WORK_DIRS/BED/ROW/seed<N>.json`. Cells that have one are
skipped, those that were interrupted start again. Invocations can run side by side. The
real-crops beds read their crops (and the weights of OSNet) from the folder
DYNAMIX_DATA, the bed sparse-pretrained its weights from the file DYNAMIX_PRETRAINED,
the last checkpoint of

    python tools/train.py benchmarks/ablation/configs/pretrain.py
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, NamedTuple

from dynamix.visualization import read_scalars

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = Path(__file__).resolve().parent / 'configs'
TRAIN = ROOT / 'tools' / 'train.py'
SCORES = ('mAP', 'Rank-1')
LOG_LINES = 15

_running: set[subprocess.Popen] = set()


class Cell(NamedTuple):
    """One training: a row on a bed with a seed."""

    bed: str
    row: str
    seed: int


class TrainingFailedError(RuntimeError):
    """A training ended with an error or without an evaluation."""


def git_commit() -> str:
    """Return the commit of this checkout, with '-dirty' if files differ from it."""
    command = ['git', 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'


def read_result(work_dir: Path) -> dict[str, Any]:
    """Read the scores and the label F1 that a training logged.

    Args:
        work_dir (Path): Of the training.

    Returns:
        dict: ``scores``: for each of ``'<target>/mAP'`` and ``'<target>/Rank-1'`` a
        list of (epoch, percent). ``label_f1``: for each scalar ``relabel/f1*`` a list
        of (iteration, value in 0..1), in the order of the epochs.

    Raises:
        FileNotFoundError: If there is no log of scalars.
    """
    scores, label_f1 = {}, {}
    for key, curve in read_scalars(work_dir).items():
        points = list(zip(curve.x.astype(int).tolist(), curve.y.tolist()))
        if key.rpartition('/')[2] in SCORES:
            scores[key] = points
        elif key.startswith('relabel/f1'):
            label_f1[key.removeprefix('relabel/')] = points
    return dict(scores=scores, label_f1=label_f1)


def run_cell(cell: Cell, work_dirs: Path) -> str:
    """Train a cell unless it is done or another process is training it.

    Args:
        cell (Cell): What to train.
        work_dirs (Path): Folder of all cells.

    Returns:
        str: What was done, in a few words.

    Raises:
        TrainingFailedError: If the training fails; has the last lines of its log.
    """
    work_dir = work_dirs / cell.bed / cell.row / f'seed{cell.seed}'
    result_file = work_dir.with_suffix('.json')
    work_dir.parent.mkdir(parents=True, exist_ok=True)
    with open(work_dir.with_suffix('.lock'), 'a') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 'another process is training it'
        if result_file.exists():
            return 'done before'
        shutil.rmtree(work_dir, ignore_errors=True)
        result = dict(cell._asdict(), config=f'{cell.row}.py', commit=git_commit())
        begin = time.monotonic()
        _train(cell, work_dir, lock)
        seconds = time.monotonic() - begin
        result |= dict(seconds=round(seconds, 1), **read_result(work_dir))
        if 'average/mAP' not in result['scores']:
            raise TrainingFailedError(f'{work_dir} has no evaluation.')
        part = work_dir.with_suffix('.part')
        part.write_text(json.dumps(result) + '\n', encoding='utf-8')
        part.replace(result_file)
    return f'mAP {result["scores"]["average/mAP"][-1][1]:.1f}, {seconds:.0f} s'


def _train(cell: Cell, work_dir: Path, lock: IO[str]) -> None:
    """Run tools/train.py. It inherits the lock, which thus lasts as long as it."""
    command = [sys.executable, str(TRAIN), str(CONFIGS / f'{cell.row}.py')]
    command += ['--work-dir', str(work_dir)]
    command += ['--cfg-options', f'randomness.seed={cell.seed}']
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    environment = dict(
        os.environ, DYNAMIX_BED=cell.bed, OMP_NUM_THREADS='1', PYTHONPATH=path
    )
    log_file = work_dir.with_suffix('.log')
    with open(log_file, 'w', encoding='utf-8') as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock.fileno(),),
        )
    _running.add(process)
    code = process.wait()
    _running.discard(process)
    if code:
        lines = log_file.read_text(encoding='utf-8', errors='replace').splitlines()
        tail = '\n    '.join(lines[-LOG_LINES:])
        raise TrainingFailedError(
            f'exit status {code}; {log_file} ends with\n    {tail}'
        )


def run_cells(cells: list[Cell], work_dirs: Path, jobs: int) -> list[Cell]:
    """Train cells, ``jobs`` at a time, and return those that failed."""

    def run(cell: Cell) -> bool:
        try:
            outcome, failed = run_cell(cell, work_dirs), False
        except (TrainingFailedError, OSError, ValueError) as error:
            outcome, failed = f'FAILED: {error}', True
        print(f'{cell.bed} {cell.row} seed {cell.seed}: {outcome}', flush=True)
        return failed

    with ThreadPoolExecutor(jobs) as pool:
        return [cell for cell, failed in zip(cells, pool.map(run, cells)) if failed]


def parse_args() -> argparse.Namespace:
    beds = [f.stem.removeprefix('bed_') for f in CONFIGS.glob('_base_/bed_*.py')]
    rows = [f.stem for f in CONFIGS.glob('*.py') if f.stem != 'pretrain']
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        *('--bed', '--beds'), nargs='+', required=True, choices=sorted(beds)
    )
    parser.add_argument(
        *('--row', '--rows'), nargs='+', required=True, choices=sorted(rows)
    )
    parser.add_argument(
        *('--seeds', '--seed'),
        nargs='+',
        type=int,
        default=[5],
        help='several seeds, or one number: how many, from 0 on (default: 5)',
    )
    parser.add_argument(
        '--jobs', type=int, default=1, help='trainings at a time, of one thread each'
    )
    parser.add_argument('--work-dirs', type=Path, default=Path('work_dirs/ablation'))
    args = parser.parse_args()
    if len(args.seeds) == 1:
        args.seeds = range(max(1, args.seeds[0]))
    return args


def main() -> None:
    args = parse_args()

    def stop(number: int, frame: Any) -> None:
        for process in list(_running):
            process.terminate()
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # Seeds outermost: an interrupted grid has complete seeds of all rows.
    cells = [
        Cell(bed, row, seed)
        for seed in dict.fromkeys(args.seeds)
        for bed in args.bed
        for row in args.row
    ]
    if failed := run_cells(cells, args.work_dirs.resolve(), args.jobs):
        sys.exit(f'{len(failed)} of {len(cells)} trainings failed.')


if __name__ == '__main__':
    main()
