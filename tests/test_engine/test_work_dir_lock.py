from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamix.engine.work_dir_lock import LOCK, only_training_in

# Trains until it is killed, with a worker that outlives it.
TRAINING = """
import os, sys, time
from dynamix.engine.work_dir_lock import only_training_in
with only_training_in(sys.argv[1]):
    if os.fork():
        print('begun', flush=True)
    time.sleep(60)
"""


@pytest.fixture
def begin() -> Iterator[Callable[[Path], subprocess.Popen]]:
    """Begins a training in another process, which ends with the test."""
    begun = []

    def begin(work_dir: Path) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, '-c', TRAINING, str(work_dir)],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b'begun\n'
        return process

    yield begin
    for process in begun:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_one_training_at_a_time(
    begin: Callable[[Path], subprocess.Popen], tmp_path: Path
) -> None:
    other = begin(tmp_path / 'new')
    who = f'process {other.pid} on .* is training in {tmp_path}/new: '
    for _ in range(2):
        with pytest.raises(RuntimeError, match=who), only_training_in(tmp_path / 'new'):
            pass
    with only_training_in(tmp_path):
        pass
    other.kill()
    other.wait()
    with only_training_in(tmp_path / 'new'):
        pass


def test_a_file_system_without_locks_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lockf(*_: Any) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'lockf', lockf)
    with only_training_in(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith('process ')


def test_a_second_training_touches_nothing(
    begin: Callable[[Path], subprocess.Popen], tmp_path: Path
) -> None:
    begin(tmp_path)
    command = [sys.executable, 'tools/train.py', 'configs/dynamix_r18_synthetic.py']
    ended = subprocess.run(
        [*command, '--work-dir', str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode
    assert f'is training in {tmp_path}' in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
