"""Which checkpoint a run goes on from, where files were moved, copied or cut off."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from dynamix.engine.checkpoint_file import choose_start
from dynamix.engine.tool_runner import ToolRunner


def save(path, keep=1.0):
    path.parent.mkdir(exist_ok=True)
    torch.save(dict(weight=torch.zeros(1000)), path)
    os.truncate(path, int(keep * path.stat().st_size))


def make_run(work_dir, *epochs):
    """A work directory as MMEngine leaves it: with an absolute path."""
    for epoch in epochs:
        save(work_dir / f'epoch_{epoch}.pth')
    (work_dir / 'last_checkpoint').write_text(str(work_dir / f'epoch_{epochs[-1]}.pth'))
    return work_dir


def start(work_dir, given='auto', **options):
    cfg = Config(dict(work_dir=str(work_dir), **options))
    said = choose_start(cfg, given)
    return cfg.resume, cfg.get('load_from'), said


def test_resume_takes_the_latest_or_the_given_checkpoint(tmp_path):
    run = make_run(tmp_path / 'run', 9, 10)
    latest = str(run / 'epoch_10.pth')
    resume, load_from, said = start(run, load_from='weights.pth')
    assert (resume, load_from) == (True, latest)
    assert f'goes on from {latest}.' in said
    first = str(run / 'epoch_9.pth')
    assert start(run, first)[:2] == (True, first)
    # as the config says it
    assert start(run, None, resume=True)[:2] == (True, latest)
    assert start(run, None, resume=True, load_from=first)[:2] == (True, first)


def test_without_a_checkpoint_it_begins_as_the_config_says(tmp_path):
    resume, load_from, said = start(tmp_path, load_from='weights.pth', resume=True)
    assert (resume, load_from) == (False, 'weights.pth')
    assert f'{tmp_path} has no checkpoint yet' in said
    assert start(tmp_path, None) == (False, None, None)


@pytest.mark.parametrize('move', [shutil.move, shutil.copytree])
def test_a_work_dir_that_was_moved_or_copied_is_its_own(tmp_path, move):
    old = make_run(tmp_path / 'old', 1, 2)
    new = tmp_path / 'new'
    move(old, new)
    assert start(new)[:2] == (True, str(new / 'epoch_2.pth'))
    # a copy that lacks the latest one does not take that of the original
    (new / 'epoch_2.pth').unlink()
    resume, load_from, said = start(new)
    assert (resume, load_from) == (True, str(new / 'epoch_1.pth'))
    assert f'{new}/epoch_2.pth is missing' in said


@pytest.mark.parametrize('text', [None, ''])
def test_a_missing_last_checkpoint_is_the_newest(tmp_path, text):
    run = make_run(tmp_path / 'run', 9, 10)
    save(run / 'best_average_mAP_epoch_11.pth')
    save(run / 'epoch_12.unfinished.pth')
    (run / 'last_checkpoint').unlink()
    if text is not None:  # as a full disk leaves it
        (run / 'last_checkpoint').write_text(text)
    newest = str(run / 'epoch_10.pth')
    assert start(run) == (True, newest, f'--resume: goes on from {newest}.')


def test_checkpoints_that_are_cut_off_are_passed_over(tmp_path):
    run = make_run(tmp_path / 'run', 8, 9, 10, 11)
    for epoch, part in ((10, 0.5), (11, 0)):
        save(run / f'epoch_{epoch}.pth', part)
    resume, load_from, said = start(run)
    assert (resume, load_from) == (True, str(run / 'epoch_9.pth'))
    assert f'{run}/epoch_11.pth is cut off; {run}/epoch_10.pth is cut off' in said


def test_no_checkpoint_left_is_an_error(tmp_path):
    run = make_run(tmp_path / 'run', 1)
    (run / 'epoch_1.pth').rename(run / 'keep.pth')
    with pytest.raises(ValueError, match=r'epoch_1\.pth is missing\. Name another'):
        start(run)
    keep = str(run / 'keep.pth')
    assert start(run, keep)[:2] == (True, keep)


def test_checkpoints_are_not_overwritten_by_another_run(tmp_path):
    run = make_run(tmp_path / 'run', 1, 2)
    other = make_run(tmp_path / 'other', 5)
    for resume in (None, str(other / 'epoch_5.pth')):
        with pytest.raises(ValueError, match=rf'{run} has epoch_2\.pth, .* overwrite'):
            start(run, resume)
    theirs = str(other / 'epoch_5.pth')
    assert start(tmp_path / 'new', theirs) == (True, theirs, None)


def test_a_write_that_fails_leaves_the_checkpoint_of_before(monkeypatch, tmp_path):
    def save_checkpoint(self, out_dir, filename, **kwargs):
        save(Path(out_dir, filename), 0.5 if error else 1.0)
        if error:
            raise error

    error = None
    runner = object.__new__(ToolRunner)
    monkeypatch.setattr(Runner, 'save_checkpoint', save_checkpoint)
    runner.save_checkpoint(str(tmp_path), 'epoch_1.pth', save_optimizer=False)
    whole = (tmp_path / 'epoch_1.pth').read_bytes()
    error = OSError('No space left on device')
    with pytest.raises(OSError, match=r'epoch_1\.pth cannot be written: .*No space'):
        runner.save_checkpoint(str(tmp_path), 'epoch_1.pth')
    assert os.listdir(tmp_path) == ['epoch_1.pth']
    assert (tmp_path / 'epoch_1.pth').read_bytes() == whole


def test_a_checkpoint_that_is_cut_off_is_named(tmp_path):
    run, file = tmp_path / 'run', tmp_path / 'new.pth'
    torch.save(dict(weight=torch.zeros(3)), file, _use_new_zipfile_serialization=False)
    assert start(run, str(file))[:2] == (True, str(file))
    for part in (0.9, 0):
        save(file, part)
        with pytest.raises(ValueError, match=r'new\.pth is cut off after \d+ bytes'):
            start(run, str(file))
    file.write_bytes(b'no checkpoint')
    with pytest.raises(ValueError, match=r'new\.pth is cut off .*, or no checkpoint'):
        start(run, str(file))
    with pytest.raises(ValueError, match='is a folder: name the checkpoint'):
        start(run, str(tmp_path))
