"""Files that are no whole checkpoints."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from mmengine.runner import find_latest_checkpoint


def is_cut_off(path: str | Path) -> bool:
    """Whether a file begins as PyTorch's checkpoints do, but does not end so.

    Args:
        path (str | Path): A local file.

    Returns:
        bool: True of an empty file, too.
    """
    with open(path, 'rb') as file:
        start = file.read(2)
    return start in (b'', b'PK') and not zipfile.is_zipfile(path)


def check_complete(path: str) -> None:
    """Refuses a file that is no checkpoint, or one that is cut off.

    Args:
        path (str): As MMEngine takes it; what is not there is not looked at.

    Raises:
        ValueError: If it is one of them.
    """
    if os.path.isdir(path):
        raise ValueError(f'{path} is a folder: name the checkpoint in it.')
    if not os.path.isfile(path):
        return
    if is_cut_off(path):
        raise ValueError(
            f'{path} is cut off after {os.path.getsize(path)} bytes: it was not '
            'written or copied to its end. Take another checkpoint.'
        )
    with open(path, 'rb') as file:
        start = file.read(2)
    if start != b'PK' and start[:1] != b'\x80':  # \x80: as PyTorch wrote before 1.6
        raise ValueError(
            f'{path} is no checkpoint: PyTorch writes none that begins with {start!r}.'
        )


def latest_checkpoint(work_dir: str) -> str | None:
    """The checkpoint that a run has saved last.

    Args:
        work_dir (str): Of the run.

    Returns:
        str, optional: Its path; None if there is none yet.

    Raises:
        ValueError: If ``last_checkpoint`` names none that can be read; names those
            that can.
    """
    latest = find_latest_checkpoint(work_dir)
    if latest is None or '://' in latest:
        return latest
    if os.path.isfile(latest) and not is_cut_off(latest):
        return latest
    found = 'is cut off' if os.path.isfile(latest) else 'is missing'
    folder = Path(latest).parent if latest else Path(work_dir)
    whole = sorted(
        (
            path
            for path in folder.glob('*.pth')
            if not path.name.startswith('best_') and not is_cut_off(path)
        ),
        key=lambda path: (len(path.name), path.name),
    )
    raise ValueError(
        f"{Path(work_dir, 'last_checkpoint')} names '{latest}', which {found}. "
        + (
            f'Go on from another by --resume PATH; {folder} has '
            f'{", ".join(path.name for path in whole)}.'
            if whole
            else f'{folder} has no other checkpoint to go on from: '
            'remove last_checkpoint to begin anew.'
        )
    )
