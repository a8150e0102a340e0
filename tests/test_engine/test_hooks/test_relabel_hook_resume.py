"""The hook with a runner of cardboard: what it saves and finds again."""

from __future__ import annotations

import os

import numpy as np
import pytest

from dynamix.engine import bank_checkpoint
from tests.test_relabeling.conftest import make_videos
from tests.test_relabeling.ranks import meet_again

from .cardboard_runner import checkpoint_of, end_epoch, make, visit, visit_all


def test_bank_is_saved_with_checkpoints_and_goes_with_them(tmp_path, said):
    options = dict(interval=2, out_dir=str(tmp_path), filename_tmpl='at_{}.pth')
    hook, runner = make(tmp_path, checkpoint=options, start=100)
    folders = []
    for _ in range(8):
        visit_all(hook, runner)
        end_epoch(hook, runner)
        if runner.epoch % 2 == 0:
            reference = checkpoint_of(hook, runner)['feature_bank']
            assert reference['folder'] == f'at_{runner.epoch}.feature_bank'
            if runner.epoch == 4:
                (tmp_path / 'at_4.pth').touch()
        folders.append(sorted(x.name for x in tmp_path.glob('*.feature_bank')))
    assert folders[0] == []
    assert folders[1] == ['at_2.feature_bank']
    assert folders[3] == ['at_4.feature_bank']
    assert folders[7] == ['at_4.feature_bank', 'at_8.feature_bank']


def test_banks_that_are_not_needed_make_room_for_the_next(tmp_path, said, monkeypatch):
    hook, runner = make(tmp_path, checkpoint=dict(interval=1, out_dir=str(tmp_path)))
    (tmp_path / 'epoch_8.feature_bank').mkdir()
    (tmp_path / 'epoch_9.feature_bank').mkdir()
    (tmp_path / 'epoch_9.pth').touch()
    there = []
    monkeypatch.setattr(
        bank_checkpoint, 'save_bank', lambda *_: there.extend(os.listdir(tmp_path))
    )
    visit_all(hook, runner)
    end_epoch(hook, runner)
    assert sorted(there) == ['epoch_9.feature_bank', 'epoch_9.pth']


def test_resume_finds_the_bank_or_says_why_not(tmp_path, said):
    hook, runner = make(tmp_path, checkpoint=dict(interval=1, out_dir=str(tmp_path)))
    visit_all(hook, runner)
    visit(hook, runner, [3], np.full((1, 48), np.nan))
    end_epoch(hook, runner)
    checkpoint = checkpoint_of(hook, runner)
    other, second = make(tmp_path)
    other.after_load_checkpoint(second, {})  # only weights are taken
    assert not other.bank.visited.any()
    second._resume, second._load_from = True, str(tmp_path / 'epoch_1.pth')
    other.after_load_checkpoint(second, checkpoint)
    np.testing.assert_array_equal(other.bank.embedding, hook.bank.embedding)
    np.testing.assert_array_equal(other.bank.iteration, hook.bank.iteration)
    assert other.bank.num_quarantined == 1
    with pytest.raises(ValueError, match='made without RelabelHook'):
        other.after_load_checkpoint(second, {})
    second._load_from = str(tmp_path / 'moved' / 'epoch_1.pth')
    with pytest.raises(FileNotFoundError, match=r'moved/epoch_1\.feature_bank/rank_0'):
        other.after_load_checkpoint(second, checkpoint)
    smaller, third = make(tmp_path, make_videos(videos=3))
    third._resume = True
    with pytest.raises(ValueError, match=r'1800 images x 48.*450 x 48'):
        smaller.after_load_checkpoint(third, checkpoint)


def test_labels_repaired_by_another_rule_are_a_warning(tmp_path, said, logged):
    hook, runner = make(tmp_path, checkpoint=dict(interval=1, out_dir=str(tmp_path)))
    visit_all(hook, runner)
    end_epoch(hook, runner)
    checkpoint = checkpoint_of(hook, runner)

    def resume(**options):
        logged.clear()
        other, second = make(tmp_path, **options)
        second._resume, second._load_from = True, str(tmp_path / 'epoch_1.pth')
        other.after_load_checkpoint(second, checkpoint)
        return logged

    assert resume(rule=dict(separation=0.3)) == []
    [text] = resume(rule=dict(separation=0.5))
    assert 'RelabelHook.rule was RelabelRule(separation=0.3,' in text
    assert 'is now RelabelRule(separation=0.5,' in text
    [text] = resume(scope='global', max_age=9)
    assert 'RelabelHook.scope was video and is now global; ' in text
    assert 'RelabelHook.max_age was None and is now 9; ' in text
    del checkpoint['relabeling']  # as before it was noted
    assert resume(scope='global') == []


def test_checkpoints_that_cannot_be_resumed_from_name_no_bank(tmp_path, said, capfd):
    hook, runner = make(tmp_path, checkpoint=dict(interval=1, out_dir=str(tmp_path)))
    visit_all(hook, runner)
    assert 'feature_bank' not in checkpoint_of(hook, runner)
    best = {}
    hook.before_save_checkpoint(runner, best)
    assert best == {}


def test_resumed_relabeling_across_videos_is_the_unbroken_one(tmp_path, said):
    scene = meet_again(make_videos())
    options = dict(scope='global', rule=dict(device='cpu'))
    saves = dict(interval=1, out_dir=str(tmp_path))
    hook, runner = make(tmp_path, scene, saves, **options)
    visit_all(hook, runner)
    end_epoch(hook, runner)
    checkpoint = checkpoint_of(hook, runner)
    table = runner.table.state_dict()

    other, second = make(tmp_path, scene, **options)
    second._resume, second._load_from = True, str(tmp_path / 'epoch_1.pth')
    second.iter, second.epoch = runner.iter, runner.epoch
    second.table.load_state_dict(table)
    other.after_load_checkpoint(second, checkpoint)
    rows = np.arange(0, len(scene.video), 3)
    newer = np.random.default_rng(5).normal(size=(len(rows), 48))
    newer += 4 * scene.embedding[rows]
    for one, its_runner in ((hook, runner), (other, second)):
        visit(one, its_runner, rows, newer)
        end_epoch(one, its_runner)
        assert its_runner.scalars['relabel/across'] > 10
    np.testing.assert_array_equal(second.table.identity, runner.table.identity)
    assert second.scalars == runner.scalars
