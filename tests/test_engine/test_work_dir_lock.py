from __future__ import annotations

import errno
from pathlib import Path

import pytest
from filelock import FileLock

from dynamix.engine.work_dir_lock import work_dir_lock


def test_one_training_at_a_time(tmp_path: Path) -> None:
    with work_dir_lock(tmp_path / 'new'):
        for _ in range(2):
            with (
                pytest.raises(RuntimeError, match=f'is training in {tmp_path}/new: '),
                work_dir_lock(tmp_path / 'new'),
            ):
                pass
        with work_dir_lock(tmp_path):
            pass
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
