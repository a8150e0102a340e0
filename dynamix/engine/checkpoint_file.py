"""Which checkpoint file a run goes on from, and whether a file is a whole one."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from mmengine.config import Config


def check_complete(path: str) -> None:
    """Checks that a checkpoint is a whole file.

    Args:
        path (str): As MMEngine takes it; an address is not checked.

    Raises:
        ValueError: If it is a folder, is cut off or is no checkpoint.
    """
    if os.path.isdir(path):
        raise ValueError(f'{path} is a folder: name the checkpoint in it.')
    if not os.path.isfile(path) or zipfile.is_zipfile(path):
        return
    with open(path, 'rb') as file:
        if file.read(1) == b'\x80':  # as PyTorch wrote before 1.6
            return
    raise ValueError(
        f'{path} is cut off after {os.path.getsize(path)} bytes, or no checkpoint of '
        'PyTorch: take another one.'
    )


def choose_start(cfg: Config, resume: str | None) -> str | None:
    """Decides what a training begins with, and sets ``resume`` and ``load_from`` to it.

    A training never begins in a folder that holds checkpoints it would overwrite.

    Args:
        cfg (Config): With ``work_dir``; changed in place. Its own ``resume=True`` is
            ``'auto'``, or a path if it has ``load_from``.
        resume (str, optional): A checkpoint, or ``'auto'``: the latest of the work
            directory; while there is none, the training begins as if it were None.

    Returns:
        str, optional: For the log: what was decided, if anything was to decide.

    Raises:
        ValueError: If the folder has checkpoints that would be overwritten, or none of
            those that it had is whole; or the checkpoint to begin with is not.
    """
    if resume is None and cfg.get('resume'):
        resume = cfg.get('load_from') or 'auto'
    cfg.resume = False
    folder = Path(cfg.work_dir)
    if resume == 'auto':
        path, passed_over = latest_checkpoint(folder)
        if path is not None:
            cfg.resume, cfg.load_from = True, str(path)
            return f'--resume: goes on from {"; ".join([str(path), *passed_over])}.'
        if passed_over:
            raise ValueError(
                f'--resume: {"; ".join(passed_over)}. Name another checkpoint by '
                '--resume PATH, or begin from the start in another --work-dir.'
            )
        return f'--resume: {folder} has no checkpoint yet, so training begins.'
    if resume is not None:
        cfg.resume, cfg.load_from = True, resume
    if cfg.get('load_from'):
        check_complete(cfg.load_from)
    if resume is not None and Path(resume).resolve().parent == folder.resolve():
        return None
    if existing := _numbered(folder):
        raise ValueError(
            f'{folder} has {existing[0].name}, which this training could overwrite: '
            'go on from there by --resume without a path, choose another --work-dir, '
            'or move these checkpoints away.'
        )
    return None


def _numbered(folder: Path) -> list[Path]:
    """Returns ``epoch_<number>.pth`` of a folder, the highest number first."""
    names = [path.stem.removeprefix('epoch_') for path in folder.glob('epoch_*.pth')]
    numbers = sorted(map(int, filter(str.isdigit, names)), reverse=True)
    return [folder / f'epoch_{number}.pth' for number in numbers]


def latest_checkpoint(folder: Path) -> tuple[Path | None, list[str]]:
    """Finds the newest whole checkpoint of a work directory.

    Only files of ``folder`` count: the path in ``last_checkpoint`` is that of another
    run where a work directory was copied, and of none where it was moved.

    Args:
        folder (Path): The work directory.

    Returns:
        tuple[Path | None, list[str]]: The file, None if none is whole, and why newer
        ones were passed over.
    """
    candidates = _numbered(folder)
    last = folder / 'last_checkpoint'
    name = Path(last.read_text().strip()).name if last.is_file() else ''
    if name:
        candidates.insert(0, folder / name)
    passed_over: list[str] = []
    for path in dict.fromkeys(candidates):
        if zipfile.is_zipfile(path):
            return path, passed_over
        passed_over.append(f'{path} is {"cut off" if path.is_file() else "missing"}')
    return None, passed_over
