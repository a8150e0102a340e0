from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

LOCK = 'writer.lock'


def writer_lock(folder: Path) -> FileLock:
    """Acquires the lock that keeps other writers out of a gallery.

    It belongs to the process and ends with it.

    Args:
        folder (Path): Of the gallery.

    Raises:
        RuntimeError: If another process has it.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(
            f'another process is writing to the gallery {folder}: wait until it ends.'
        ) from None
    return lock
