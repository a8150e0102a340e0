"""The hook with a runner of cardboard: what it keeps, decides, says and saves."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import CheckpointHook

from dynamix.engine import RelabelHook
from dynamix.engine.hooks import relabel_hook
from dynamix.relabeling import Regrouping, over_ranks
from dynamix.structures import IdentityTable
from tests.test_relabeling.conftest import make_videos
from tests.test_relabeling.ranks import meet_again

MULTI = 4


class Head:
    """Remembers what it was told."""

    in_channels = 48
    last_batch = None

    def __init__(self):
        self.moves = []

    def follow_relabeling(self, before, after, bank, rows=None):
        self.moves.append((before.copy(), after.copy(), bank, rows))

    def gather(self):
        pass


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        relabel_hook,
        'print_log',
        lambda text, logger, level: lines.append((level, text)),
    )
    return lines


def make(tmp_path, scene=None, checkpoint=None, **options):
    """Two multi-camera people, then the scene; a hook that is ready to run."""
    scene = scene or make_videos()
    identity = np.concatenate([[0, 0, 1, 1], scene.tracklet + 2])
    nobody = np.full(MULTI, -1)
    dataset = SimpleNamespace(
        identity_table=IdentityTable(identity, MULTI, 2),
        video=np.concatenate([nobody, scene.video]),
        frame=np.concatenate([nobody, scene.frame]),
        truth=np.concatenate([nobody, scene.person]),
    )
    scalars = {}
    runner = SimpleNamespace(
        _train_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset)),
        model=SimpleNamespace(head=Head()),
        hooks=[CheckpointHook(**checkpoint)] if checkpoint else [],
        visualizer=SimpleNamespace(add_scalars=lambda d, step: scalars.update(d)),
        scalars=scalars,
        work_dir=str(tmp_path),
        max_epochs=8,
        iter=0,
        epoch=0,
        _resume=False,
        _load_from=None,
        scene=scene,
        table=dataset.identity_table,
    )
    hook = RelabelHook(**options)
    hook.before_run(runner)
    return hook, runner


def visit(hook, runner, rows, embeddings):
    rows = np.concatenate([[0, -1], np.asarray(rows) + MULTI])
    embeddings = np.concatenate([np.ones((2, 48)), embeddings])
    runner.model.head.last_batch = rows, torch.from_numpy(embeddings)
    hook.after_train_iter(runner, 0)
    runner.iter += 1


def visit_all(hook, runner):
    embeddings = runner.scene.embedding.astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    visit(hook, runner, np.arange(len(embeddings)), embeddings)


def end_epoch(hook, runner):
    hook.after_train_epoch(runner)
    runner.epoch += 1


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
    kept = hook.bank.embedding.copy()
    bad = np.stack([np.full(48, v) for v in (np.nan, np.inf, 0, 1e6)])
    visit(hook, runner, [5, 6, 7, 8], bad)
    np.testing.assert_array_equal(hook.bank.embedding, kept)
    end_epoch(hook, runner)
    assert '4 embeddings so far were NaN, Inf or zero' in said[0][1]
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


@pytest.mark.parametrize(
    'component',
    [lambda images: images.video.astype(np.int64), lambda x: np.full(len(x), -1)],
    ids=['all of a video merged', 'all dropped'],
)
def test_guard_refuses_and_warns_unless_told_otherwise(
    tmp_path, said, monkeypatch, component
):
    monkeypatch.setattr(over_ranks, 'regroup', all_alike(component))
    hook, runner = make(tmp_path)
    visit_all(hook, runner)
    before = runner.table.identity.copy()
    end_epoch(hook, runner)
    np.testing.assert_array_equal(runner.table.identity, before)
    level, text = said[0]
    assert level == logging.WARNING
    assert 'REFUSED' in text
    assert 'max_changed=90.0%' in text

    hook, runner = make(tmp_path, rule=dict(insist=True))
    visit_all(hook, runner)
    end_epoch(hook, runner)
    after = runner.table.identity[MULTI:]
    assert len(np.unique(after)) == (1 if (after < 0).all() else 12)
    assert said[1][0] == logging.INFO


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


def checkpoint_of(hook, runner, **extra):
    checkpoint = dict(optimizer={}, **extra)
    hook.before_save_checkpoint(runner, checkpoint)
    return checkpoint


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


def test_resume_finds_the_bank_or_says_why_not(tmp_path, said):
    hook, runner = make(tmp_path, checkpoint=dict(interval=1, out_dir=str(tmp_path)))
    visit_all(hook, runner)
    visit(hook, runner, [3], np.full((1, 48), np.nan))
    end_epoch(hook, runner)
    checkpoint = checkpoint_of(hook, runner)
    assert 'feature_bank' not in dict(state_dict={})
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


def test_checkpoints_that_cannot_be_resumed_from_name_no_bank(tmp_path, said, capfd):
    hook, runner = make(tmp_path, checkpoint=dict(interval=1, out_dir=str(tmp_path)))
    visit_all(hook, runner)
    assert 'feature_bank' not in checkpoint_of(hook, runner)
    best = {}
    hook.before_save_checkpoint(runner, best)
    assert best == {}


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
    with pytest.raises(TypeError, match=r"RelabelHook\.rule has no 'eps'"):
        RelabelHook(rule=dict(eps=0.3))


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
