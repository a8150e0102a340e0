"""Embeddings from before the first epoch."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import Compose
from mmengine.hooks import Hook

from dynamix.engine import RelabelHook
from dynamix.engine.extraction import Extraction, spread_over_groups
from dynamix.registry import HOOKS
from tests.toy import make_crops, toy_cfg, train


@pytest.fixture(scope='module')
def crops(tmp_path_factory):
    root = tmp_path_factory.mktemp('crops')
    make_crops(root)
    return root


@pytest.fixture(scope='module')
def weights(crops, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('weights')
    cfg = toy_cfg(crops, work_dir, 'weights')
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.05)
    cfg.train_cfg.max_epochs = 12
    train(cfg)
    return str(work_dir / 'epoch_12.pth')


@HOOKS.register_module()
class LookHook(Hook):
    """Keeps what there is before the first epoch, and when it was looked at."""

    priority = 'VERY_LOW'
    seen: ClassVar[list[dict]] = []

    def before_train(self, runner):
        [hook] = [hook for hook in runner.hooks if isinstance(hook, RelabelHook)]
        dataset = runner.train_dataloader.dataset
        rows = dataset.identity_table.single_camera
        expected = []
        for row in range(rows.start, rows.stop):
            image = Compose(hook.extraction.pipeline)(dataset.get_data_info(row))
            batch = dict(
                inputs=image['inputs'][None], data_samples=[image['data_samples']]
            )
            with torch.no_grad():
                expected.append(runner.model.test_step(batch)[0].feature.numpy())
        self.seen.append(
            dict(
                iteration=runner.iter,
                embedding=hook.bank.embedding.copy(),
                visited=hook.bank.iteration.copy(),
                expected=np.stack(expected),
                labels=dataset.identity_table.identity[rows].copy(),
                tracker=dataset.identity_table.original[rows].copy(),
            )
        )


def extracting(crops, work_dir, name, hooks=(), extract=None, **options):
    cfg = toy_cfg(crops, work_dir, name, **options)
    pipeline = cfg.test_dataloader.dataset.pipeline
    extract = dict(pipeline=pipeline, batch_size=7, num_workers=0, **(extract or {}))
    cfg.custom_hooks = [dict(type='RelabelHook', start=2, extract=extract), *hooks]
    return cfg


def test_labels_are_repaired_before_the_first_epoch(crops, weights, tmp_path):
    LookHook.seen.clear()
    look = [dict(type='LookHook')]
    train(extracting(crops, tmp_path, 'look', look, load_from=weights))
    [seen] = LookHook.seen
    assert (seen['visited'] == 0).all()
    np.testing.assert_allclose(seen['embedding'], seen['expected'], atol=2e-3)
    assert len(np.unique(seen['labels'])) < len(np.unique(seen['tracker']))
    [log] = tmp_path.glob('*/*.log')
    text = log.read_text()
    assert re.search(r'Embedded 96 of 96 single-camera images, \d+ a second', text)
    assert text.index('Relabeling before epoch 1') < text.index('Epoch(train) [1]')
    assert 'Relabeling after epoch 1:' not in text
    # a resumed run does not begin anew
    more = {'resume': True, 'train_cfg.max_epochs': 5}
    train(extracting(crops, tmp_path, 'resumed', look, **more))
    assert LookHook.seen[1]['iteration'] == 16
    assert (LookHook.seen[1]['visited'] > 0).any()
    log = max(tmp_path.glob('*/*.log'), key=lambda file: file.stat().st_mtime)
    assert 'Embedded' not in log.read_text()


def test_some_images_of_each_tracklet(crops, tmp_path):
    LookHook.seen.clear()
    train(
        extracting(
            crops,
            tmp_path,
            'some',
            [dict(type='LookHook')],
            dict(images_per_tracklet=2),
            **{'train_cfg.max_epochs': 1},
        )
    )
    [seen] = LookHook.seen
    taken = seen['visited'] == 0
    # the first and the third of four
    np.testing.assert_array_equal(taken, np.arange(96) % 2 == 0)
    assert (seen['visited'][~taken] == -1).all()


@given(
    st.lists(st.integers(-1, 4), max_size=60),
    st.integers(1, 9),
)
def test_spread_takes_evenly(group, count):
    group = np.array(group, int)
    chosen = spread_over_groups(group, count)
    assert (np.diff(chosen) > 0).all()
    for name in np.unique(group):
        members = np.flatnonzero(group == name)
        mine = np.flatnonzero(np.isin(members, chosen))
        if name < 0 or len(members) <= count:
            assert len(mine) == len(members)
        else:
            assert len(mine) == count
            assert mine[0] == 0
            gaps = np.diff(np.append(mine, len(members)))
            assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (dict(), TypeError, 'must have `pipeline`'),
        (dict(pipeline=[1], batch=3), TypeError, "'batch'"),
        (dict(pipeline=[]), ValueError, 'pipeline must have transforms'),
        (dict(pipeline=[1], batch_size=0), ValueError, 'batch_size must be at least 1'),
        (dict(pipeline=[1], num_workers=-1), ValueError, 'num_workers'),
        (dict(pipeline=[1], images_per_tracklet=0), ValueError, 'images_per_tracklet'),
    ],
)
def test_wrong_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        RelabelHook(extract=options)


def test_all_images_by_default():
    tracklet = np.array([3, 3, 3, -1])
    np.testing.assert_array_equal(Extraction([1]).choose(tracklet), np.arange(4))
    some = Extraction([1], images_per_tracklet=1).choose(tracklet)
    np.testing.assert_array_equal(some, [0, 3])
