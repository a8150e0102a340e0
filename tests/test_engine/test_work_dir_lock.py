from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from dynamix.engine.work_dir_lock import LOCK, work_dir_lock

TRAINING = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print('begun', flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that trains in ``tmp_path / 'new'``."""
    (tmp_path / 'new').mkdir()
    process = subprocess.Popen(
        [sys.executable, '-c', TRAINING, str(tmp_path / 'new' / LOCK)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b'begun\n'
    yield process
    process.kill()
    process.communicate()


def test_one_training_at_a_time(other: subprocess.Popen, tmp_path: Path) -> None:
    for _ in range(2):
        with (
            pytest.raises(RuntimeError, match=f'is training in {tmp_path}/new: '),
            work_dir_lock(tmp_path / 'new'),
        ):
            pass
    with work_dir_lock(tmp_path):
        pass
    other.kill()
    other.wait()
    with work_dir_lock(tmp_path / 'new'):
        pass


def test_a_file_system_without_locks_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(FileLock, 'acquire', acquire)
    with work_dir_lock(tmp_path):
        pass
