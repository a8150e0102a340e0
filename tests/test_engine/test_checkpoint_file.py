"""What a killed write leaves of a checkpoint, and what is said of it."""

import errno
import os
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from dynamix.engine.command_line import ToolRunner
from dynamix.engine.launch import choose_start


def save(path, keep=1.0):
    torch.save(dict(weight=torch.zeros(1000)), path)
    os.truncate(path, int(keep * path.stat().st_size))


@pytest.mark.parametrize(
    ('latest', 'found'),
    [('epoch_10.pth', 'is cut off'), ('epoch_9.pth', 'is missing'), ('', 'is missing')],
)
def test_a_latest_checkpoint_that_cannot_be_read_is_named(tmp_path, latest, found):
    save(tmp_path / 'epoch_10.pth', keep=0.5)
    save(tmp_path / 'epoch_11.pth', keep=0)
    save(tmp_path / 'best_mAP_epoch_8.pth')
    named = str(tmp_path / latest) if latest else ''
    (tmp_path / 'last_checkpoint').write_text(named)
    cfg = Config(dict(work_dir=str(tmp_path)))
    with pytest.raises(ValueError, match=f"names '{named}', which {found}.*no other"):
        choose_start(cfg, 'auto')
    save(tmp_path / 'epoch_8.pth')
    save(tmp_path / 'epoch_12.pth')
    with pytest.raises(ValueError, match=r'has epoch_8\.pth, epoch_12\.pth\.'):
        choose_start(cfg, 'auto')


def test_checkpoints_are_looked_for_where_the_last_one_was(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    save(tmp_path / 'elsewhere' / 'epoch_2.pth')
    named = tmp_path / 'elsewhere' / 'epoch_3.pth'
    (tmp_path / 'last_checkpoint').write_text(str(named))
    with pytest.raises(ValueError, match=r'elsewhere has epoch_2\.pth\.'):
        choose_start(Config(dict(work_dir=str(tmp_path))), 'auto')


def writes(amount, error=None):
    def save_checkpoint(self, out_dir, filename, **kwargs):
        save(Path(out_dir, filename), amount)
        if error is not None:
            raise error

    return save_checkpoint


def test_a_write_that_fails_leaves_the_checkpoint_of_before(monkeypatch, tmp_path):
    runner = object.__new__(ToolRunner)
    monkeypatch.setattr(Runner, 'save_checkpoint', writes(1.0))
    runner.save_checkpoint(str(tmp_path), 'epoch_1.pth', save_optimizer=False)
    assert os.listdir(tmp_path) == ['epoch_1.pth']
    (tmp_path / 'folder').mkdir()
    runner.save_checkpoint(str(tmp_path), 'folder/epoch_1.pth')
    assert os.listdir(tmp_path / 'folder') == ['epoch_1.pth']
    shutil.rmtree(tmp_path / 'folder')
    whole = (tmp_path / 'epoch_1.pth').read_bytes()
    full = OSError(errno.ENOSPC, 'No space left on device')
    monkeypatch.setattr(Runner, 'save_checkpoint', writes(0.5, full))
    with pytest.raises(OSError, match=r'epoch_1\.pth cannot be written: .*No space'):
        runner.save_checkpoint(str(tmp_path), 'epoch_1.pth')
    assert os.listdir(tmp_path) == ['epoch_1.pth']
    monkeypatch.setattr(Runner, 'save_checkpoint', writes(0.5, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        runner.save_checkpoint(str(tmp_path), 'epoch_1.pth')
    assert (tmp_path / 'epoch_1.pth').read_bytes() == whole


def test_a_checkpoint_that_is_cut_off_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(Runner, 'load_checkpoint', lambda self, name: torch.load(name))
    runner = object.__new__(ToolRunner)
    old = tmp_path / 'old.pth'
    weights = dict(weight=torch.zeros(3))
    torch.save(weights, old, _use_new_zipfile_serialization=False)
    assert runner.load_checkpoint(str(old)).keys() == weights.keys()
    save(tmp_path / 'new.pth')
    assert runner.load_checkpoint(str(tmp_path / 'new.pth')).keys() == weights.keys()
    for part in (0.9, 0):
        save(tmp_path / 'new.pth', part)
        with pytest.raises(ValueError, match=r'new\.pth is cut off after \d+ bytes'):
            runner.load_checkpoint(str(tmp_path / 'new.pth'))
    with pytest.raises(ValueError, match='is a folder'):
        runner.load_checkpoint(str(tmp_path))
    (tmp_path / 'new.pth').write_bytes(b'no checkpoint')
    with pytest.raises(ValueError, match=r"new\.pth is no checkpoint: .* b'no'"):
        runner.load_checkpoint(str(tmp_path / 'new.pth'))
