from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = 'training.lock'


@contextmanager
def only_training_in(work_dir: str | Path) -> Iterator[None]:
    """Keeps other trainings out of a work directory.

    Two in one directory would overwrite each other's checkpoints. The lock is the
    operating system's and ends with this process, however that ends; loader workers
    that outlive it do not hold it. A file system without locks keeps nobody out.

    Args:
        work_dir (str | Path): Is made if missing.

    Raises:
        RuntimeError: If another process is training there; names it.
    """
    path = Path(work_dir, LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a+', encoding='utf-8') as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise RuntimeError(
                f'{file.read().strip() or "another process"} is training in '
                f'{work_dir}: choose another --work-dir, or end that process. If it '
                f'is gone for sure, remove {path}.'
            ) from None
        except OSError:  # the file system knows no locks
            pass
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
        yield
