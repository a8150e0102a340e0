from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = 'training.lock'


@contextmanager
def work_dir_lock(work_dir: str | Path) -> Iterator[None]:
    """Keeps other trainings out of a work directory, which two would overwrite.

    The lock belongs to the process and ends with it. A file system without locks gives
    no protection.

    Args:
        work_dir (str | Path): Is made if missing.

    Raises:
        RuntimeError: If another process is training there.
    """
    path = Path(work_dir, LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(
            f'another process is training in {work_dir}: choose another --work-dir, or '
            f'end that process. If it is gone for sure, remove {path}.'
        ) from None
    except (OSError, NotImplementedError):  # the file system knows no locks
        pass
    try:
        yield
    finally:
        lock.release()
