"""The hook with a runner of cardboard: what it keeps, decides and says."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import CheckpointHook, EMAHook

from dynamix.engine import RelabelHook
from dynamix.relabeling import Regrouping, over_ranks
from tests.test_relabeling.conftest import make_videos
from tests.test_relabeling.ranks import meet_again

from .cardboard_runner import MULTI, end_epoch, make, visit, visit_all


def all_alike(component):
    """A regrouping gone wrong."""

    def regroup(images, calibration, rule):
        return Regrouping(component(images), 1, len(images))

    return regroup


def test_labels_memories_and_log_follow(tmp_path, said):
    hook, runner = make(tmp_path)
    before = runner.table.identity[MULTI:].copy()
    visit_all(hook, runner)
    end_epoch(hook, runner)
    after = runner.table.identity[MULTI:]
    assert len(np.unique(after)) < len(np.unique(before)) / 2
    [(old, new, bank, rows)] = runner.model.head.moves
    np.testing.assert_array_equal(old, before)
    np.testing.assert_array_equal(new, after)
    assert bank.embedding.shape == (len(after), 48)
    assert rows is None
    assert said[0][0] == logging.INFO
    assert 'labels   after: precision' in said[0][1]
    assert runner.scalars['relabel/merges'] > 100
    assert runner.scalars['relabel/f1_after'] > 0.95
    assert runner.scalars['relabel/quarantined'] == 0


def test_bad_embeddings_are_counted_and_kept_out(tmp_path, said):
    hook, runner = make(tmp_path)
    visit_all(hook, runner)
    end_epoch(hook, runner)
    kept = hook.bank.embedding.copy()
    assert kept.any()
    bad = np.stack([np.full(48, v) for v in (np.nan, np.inf, 0, 1e6)])
    visit(hook, runner, [5, 6, 7, 8], bad)
    end_epoch(hook, runner)
    np.testing.assert_array_equal(hook.bank.embedding, kept)
    assert '4 embeddings so far were NaN, Inf or zero' in said[1][1]
    assert runner.scalars['relabel/quarantined'] == 4


def test_old_embeddings_do_not_vote(tmp_path, said):
    hook, runner = make(tmp_path, max_age=10)
    visit_all(hook, runner)
    runner.iter = 11
    end_epoch(hook, runner)
    assert f'{len(runner.scene.video)} images (0 with embedding)' in said[0][1]
    assert runner.scalars['relabel/changed'] == 0


def test_start_and_interval(tmp_path, said):
    hook, runner = make(tmp_path, start=2, interval=3)
    for _ in range(8):
        end_epoch(hook, runner)
    assert [text.split()[3] for _, text in said] == ['2:', '5:', '8:']
    for options in (dict(start=0), dict(interval=0)):
        with pytest.raises(ValueError, match='at least 1'):
            RelabelHook(**options)


MERGED = all_alike(lambda images: images.video.astype(np.int64))
DROPPED = all_alike(lambda images: np.full(len(images), -1))


@pytest.mark.parametrize(
    ('regroup', 'rule', 'why'),
    [
        (MERGED, {}, 'more than max_changed=90.0%'),
        (DROPPED, {}, 'more than max_changed=90.0%'),
        # no batch could be made of what is left, now or after a resume
        (DROPPED, dict(insist=True), '0 identities would be left, but a batch takes 4'),
    ],
    ids=['all merged', 'all dropped', 'all dropped, insisting'],
)
def test_guard_refuses_and_warns(tmp_path, said, monkeypatch, regroup, rule, why):
    monkeypatch.setattr(over_ranks, 'regroup', regroup)
    hook, runner = make(tmp_path, rule=rule)
    visit_all(hook, runner)
    before = runner.table.identity.copy()
    end_epoch(hook, runner)
    np.testing.assert_array_equal(runner.table.identity, before)
    [(level, text)] = said
    assert level == logging.WARNING
    assert 'REFUSED: ' in text
    assert why in text
    assert runner.scalars['relabel/drops'] == 0


def test_guard_gives_way_where_the_config_insists(tmp_path, said, monkeypatch):
    monkeypatch.setattr(over_ranks, 'regroup', MERGED)
    hook, runner = make(tmp_path, rule=dict(insist=True))
    visit_all(hook, runner)
    end_epoch(hook, runner)
    assert len(np.unique(runner.table.identity[MULTI:])) == 12
    assert said[0][0] == logging.INFO


def test_all_dropped_images_return(tmp_path):
    hook, runner = make(tmp_path, rule=dict(insist=True))
    runner.table.relabel(np.full(len(runner.scene.video), -1))
    end_epoch(hook, runner)
    after = runner.table.identity[MULTI:]
    assert (after >= 2).all()
    assert len(np.unique(after)) == len(np.unique(runner.scene.tracklet))


@pytest.mark.parametrize('images', [1, 2])
def test_videos_of_an_image_or_two(tmp_path, images):
    scene = make_videos(videos=30, people=1, fragments=1, images=images)
    hook, runner = make(tmp_path, scene)
    before = runner.table.identity.copy()
    visit_all(hook, runner)
    end_epoch(hook, runner)
    np.testing.assert_array_equal(runner.table.identity, before)


def test_bank_goes_where_the_config_says(tmp_path):
    options = dict(dtype='float32', path=str(tmp_path / 'a' / 'b'))
    hook, runner = make(tmp_path, bank=options)
    visit_all(hook, runner)
    on_disk = np.load(tmp_path / 'a' / 'b' / 'rank_0.npy', mmap_mode='r')
    np.testing.assert_array_equal(on_disk, hook.bank.embedding)
    assert on_disk.dtype == np.float32
    with pytest.raises(TypeError, match='size'):
        make(tmp_path, bank=dict(size=1))


def test_a_tracklet_in_two_videos_is_named_before_training(tmp_path):
    scene = make_videos()
    scene.tracklet[-1] = 0
    with pytest.raises(ValueError, match='tracklet 2 lies in two videos, 0 and 11'):
        make(tmp_path, scene)


def test_people_of_several_videos_get_one_identity(tmp_path, said):
    scene = meet_again(make_videos())
    hook, runner = make(tmp_path, scene, scope='global', rule=dict(device='cpu'))
    visit_all(hook, runner)
    end_epoch(hook, runner)
    after = runner.table.identity[MULTI:]
    videos = {*zip(after.tolist(), scene.video.tolist())}
    assert len(videos) > len(np.unique(after)) + 10
    assert runner.scalars['relabel/across'] > 10
    # pairs of all videos count apart from those within videos
    scalars = runner.scalars
    assert scalars['relabel/f1_after_all'] > scalars['relabel/f1_before_all'] + 0.3
    assert scalars['relabel/f1_before_all'] < scalars['relabel/f1_before']
    assert 'labels   after, across videos too: precision' in said[0][1]


def test_people_are_found_without_tracklets(tmp_path, said):
    scene = make_videos()
    hook, runner = make(tmp_path, scene, scope='dbscan', rule=dict(device='cpu'))
    runner.table.relabel(np.arange(len(scene.video)) + 2)
    visit_all(hook, runner)
    end_epoch(hook, runner)
    assert runner.scalars['relabel/f1_before'] == 0
    assert runner.scalars['relabel/f1_after'] > 0.9
    assert 'relabel/f1_after_all' not in runner.scalars


def test_wrong_scope_or_rule_is_named_at_construction():
    with pytest.raises(ValueError, match=r"RelabelHook\.scope.*but got 'videos'"):
        RelabelHook(scope='videos')
    with pytest.raises(TypeError, match=r"RelabelHook\.rule .* has no key 'eps'"):
        RelabelHook(rule=dict(eps=0.3))
    with pytest.raises(TypeError, match=r"RelabelHook\.bank` has no key 'dir'"):
        RelabelHook(bank=dict(dir='/tmp'))
    with pytest.raises(ValueError, match=r'RelabelHook\.max_age` .* but got -5'):
        RelabelHook(max_age=-5)


def test_what_cannot_be_relabeled_is_named(tmp_path):
    hook, runner = make(tmp_path)
    runner.hooks.append(EMAHook())
    with pytest.raises(ValueError, match=r'EMAHook averages .* take it out'):
        hook.before_run(runner)
    runner.hooks[:] = [CheckpointHook(interval=2, save_best='auto')]
    runner.train_loop = SimpleNamespace(val_interval=1)
    with pytest.raises(ValueError, match=r'interval=2 epochs: set .* 1 now'):
        hook.before_run(runner)
    runner.hooks.clear()
    runner.model.head = torch.nn.Identity()
    with pytest.raises(TypeError, match=r'\.head is a Identity without last_batch'):
        hook.before_run(runner)
    runner._train_loop.dataloader.dataset = [1, 2]
    with pytest.raises(TypeError, match=r'of a MixedDataset, but .* is a list'):
        hook.before_run(runner)
