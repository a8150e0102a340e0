"""Runs a grid of trainings as processes of their own, and knows which are done."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from mmengine.config import Config
from mmengine.logging import print_log

from .grid import Cell, fingerprint, resolve
from .outcome import Outcome
from .results import read_label_score, read_scores
from .source_digest import source_digest

LOG = 'train.log'
RESULT = 'result.json'
FAILURE = 'failure.json'
CODE = 'code'
LOCK = 'lock'


class RunFailedError(RuntimeError):
    """A training that ended with an error; the message names its log."""


class Runs:
    """Keeps the runs of a grid in one folder.

    A run's folder is named by row and settings,
    ``<scale>/<bed>/<row>-<fingerprint>/seed<n>``: a changed config is another run and
    leaves older results alone, and two rows with equal settings share one. Changed code
    does not: a result tells the code that made it, and :meth:`run_all` warns of those
    that it skips though other code made them.

    Args:
        out (str | Path): The folder.
        train_tool (str | Path): ``tools/train.py``.
        threads (int): ``OMP_NUM_THREADS`` of a run. Defaults to 1.
        keep_checkpoints (bool): Keep those of runs that are done. Defaults to False.
    """

    def __init__(
        self,
        out: str | Path,
        train_tool: str | Path,
        threads: int = 1,
        keep_checkpoints: bool = False,
    ) -> None:
        self.out = Path(out)
        self.train_tool = Path(train_tool)
        self.threads = threads
        self.keep_checkpoints = keep_checkpoints
        self._resolved: dict[Cell, tuple[Config, str]] = {}

    def settings(self, cell: Cell) -> tuple[Config, str]:
        """Config and fingerprint of a run."""
        key = replace(cell, seed=0)
        if key not in self._resolved:
            cfg = resolve(cell)
            self._resolved[key] = cfg, fingerprint(cfg)
        return self._resolved[key]

    def folder(self, cell: Cell) -> Path:
        """Where a run is, or is to be."""
        _, name = self.settings(cell)
        bed = self.out / cell.scale / cell.bed
        there = sorted(bed.glob(f'*-{name}'))
        return (there[0] if there else bed / f'{cell.row}-{name}') / f'seed{cell.seed}'

    def outcome(self, cell: Cell) -> Outcome:
        """How a run stands."""
        folder = self.folder(cell)
        log = str(folder / LOG) if (folder / LOG).exists() else ''
        if (folder / RESULT).exists():
            result = json.loads((folder / RESULT).read_text(encoding='utf-8'))
            return Outcome('done', log=log, **result)
        if (folder / FAILURE).exists():
            return Outcome('failed', log=log)
        return Outcome('unfinished' if log else 'not run', log=log)

    def distinct(self, cells: Iterable[Cell]) -> list[Cell]:
        """The cells without those that have the settings of an earlier one."""
        seen: dict[tuple[str, str, str, int], Cell] = {}
        for cell in cells:
            key = (cell.scale, cell.bed, self.settings(cell)[1], cell.seed)
            seen.setdefault(key, cell)
        return list(seen.values())

    def run(self, cell: Cell, device: str | None = None) -> None:
        """Trains, unless it is done; goes on from the last checkpoint, if any.

        Args:
            cell (Cell): What to run.
            device (str, optional): ``CUDA_VISIBLE_DEVICES``. Defaults to None, as it
                is.

        Raises:
            RunFailedError: If the training fails or gives no result.
        """
        folder = self.folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / LOCK, 'w', encoding='utf-8') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print_log(f'{cell}: another process is at it.', logger='current')
                return
            if (folder / RESULT).exists():
                return
            (folder / FAILURE).unlink(missing_ok=True)
            try:
                result = self._train(cell, folder, device, lock)
            except RunFailedError as error:
                _write_json(folder / FAILURE, dict(message=str(error)))
                raise
            _write_json(folder / RESULT, result)
            if not self.keep_checkpoints:
                for file in (*folder.glob('*.pth'), *folder.glob('last_checkpoint')):
                    file.unlink()
                for bank in folder.glob('*.feature_bank'):
                    shutil.rmtree(bank)

    def run_all(
        self, cells: Sequence[Cell], jobs: int = 1, devices: Sequence[str] = ()
    ) -> list[str]:
        """Runs what is not done yet; a run that fails does not stop the others.

        Args:
            cells (Sequence[Cell]): In the order to start them.
            jobs (int): Processes side by side. Defaults to 1.
            devices (Sequence[str]): Devices that jobs take in turn. Defaults to
                ``()``, all see all.

        Returns:
            list[str]: Messages of the runs that failed.
        """
        cells = self.distinct(cells)
        todo = [c for c in cells if self.outcome(c).state != 'done']
        print_log(f'{len(todo)} of {len(cells)} runs to do.', logger='current')
        self._warn_of_other_code(cells)
        free: queue.Queue[str | None] = queue.Queue()
        for job in range(jobs):
            free.put(devices[job % len(devices)] if devices else None)

        def work(cell: Cell) -> str | None:
            device = free.get()
            begin = time.monotonic()
            try:
                self.run(cell, device)
            except RunFailedError as error:
                print_log(str(error), logger='current', level=40)
                return str(error)
            finally:
                free.put(device)
            took = time.monotonic() - begin
            print_log(f'{cell}: {took:.0f} s.', logger='current')
            return None

        with ThreadPoolExecutor(jobs) as pool:
            return [message for message in pool.map(work, todo) if message]

    def _warn_of_other_code(self, cells: Sequence[Cell]) -> None:
        now = source_digest()
        done = [o for o in map(self.outcome, cells) if o.state == 'done']
        others = Counter(outcome.code for outcome in done if outcome.code != now)
        if others:
            print_log(
                f'Taken as done though other code than the present {now} made them: '
                f'{count_runs(others)}. Delete their folders to run them again.',
                logger='current',
                level=logging.WARNING,
            )

    def _train(
        self, cell: Cell, folder: Path, device: str | None, lock: IO[str]
    ) -> dict[str, Any]:
        cfg, _ = self.settings(cell)
        epochs = cfg.train_cfg.max_epochs
        is_new = not any(folder.glob('*.pth'))
        _note_code(folder, is_new)
        begin = time.monotonic()
        self._start(cell, folder, device, lock)
        seconds = time.monotonic() - begin
        scores = read_scores(folder, epochs)
        if not scores:
            raise RunFailedError(
                f'{cell}: there is no `average/mAP` of epoch {epochs}, its last, in '
                f"'{folder}/*/vis_data/scalars.json'; see '{folder / LOG}'."
            )
        return dict(
            scores=scores,
            label_f1=read_label_score(folder, cfg),
            seconds=round(seconds, 1) if is_new else None,
            code=(folder / CODE).read_text(encoding='utf-8'),
        )

    def _start(
        self, cell: Cell, folder: Path, device: str | None, lock: IO[str]
    ) -> None:
        command = [
            *(sys.executable, str(self.train_tool), str(cell.config)),
            *('--work-dir', str(folder), '--resume'),
            *('--cfg-options', f'randomness.seed={cell.seed}', *cell.options),
        ]
        environment = dict(
            os.environ, **cell.environment, OMP_NUM_THREADS=str(self.threads)
        )
        if device is not None:
            environment['CUDA_VISIBLE_DEVICES'] = device
        with open(folder / LOG, 'a', encoding='utf-8') as log:
            # The lock goes along: it holds as long as the training lives.
            done = subprocess.run(
                command,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.fileno(),),
                check=False,
            )
        if done.returncode:
            raise RunFailedError(
                f'{cell} ended with exit status {done.returncode}; its log is '
                f"'{folder / LOG}' and ends with:\n{_tail(folder / LOG)}"
            )


def count_runs(codes: Mapping[str, int]) -> str:
    """Says how many runs each version of the code made."""
    return '; '.join(
        f'code {code}: {count} run{"s" if count > 1 else ""}'
        for code, count in codes.items()
    )


def _note_code(folder: Path, is_new: bool) -> None:
    """Writes down what code trains; that of the start stays when a run is resumed."""
    file = folder / CODE
    before = []
    if not is_new:
        known = file.exists()
        before = file.read_text(encoding='utf-8').split('+') if known else ['unknown']
    codes = dict.fromkeys([*before, source_digest()])
    file.write_text('+'.join(codes), encoding='utf-8')


def _tail(file: Path) -> str:
    text = file.read_text(encoding='utf-8', errors='replace').splitlines()
    return '\n'.join(f'    {line}' for line in text[-5:])


def _write_json(file: Path, value: Any) -> None:
    """Writes a file that is either whole or not there."""
    part = file.with_suffix('.part')
    part.write_text(json.dumps(value, indent=1) + '\n', encoding='utf-8')
    part.replace(file)
