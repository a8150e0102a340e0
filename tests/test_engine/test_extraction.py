"""Embeddings from before the first epoch."""

from __future__ import annotations

import copy
import re
import shutil
from contextlib import nullcontext
from types import SimpleNamespace
from typing import ClassVar
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import Compose, default_collate
from mmengine.hooks import Hook
from torch.nn import functional

from dynamix.engine import RelabelHook
from dynamix.engine import extraction as extraction_module
from dynamix.engine.extraction import (
    Extraction,
    deal_batches,
    spread_over_groups,
)
from dynamix.models.reid import ReIDDataPreprocessor
from dynamix.registry import HOOKS
from tests.toy import toy_cfg, train

from .test_resume import Killed, assert_same


@HOOKS.register_module()
class LookHook(Hook):
    """Keeps what is there before the first epoch, and what all images at once give."""

    priority = 'VERY_LOW'
    seen: ClassVar[list[dict]] = []

    def before_train(self, runner):
        [hook] = [hook for hook in runner.hooks if isinstance(hook, RelabelHook)]
        dataset = runner.train_dataloader.dataset
        rows = dataset.identity_table.single_camera
        pipeline = Compose(hook.extraction.pipeline)
        images = [
            pipeline(dataset.get_data_info(row)) for row in range(rows.start, rows.stop)
        ]
        batch = default_collate(images)
        inputs = runner.model.data_preprocessor(batch, False)['inputs']
        encoder = copy.deepcopy(runner.model.momentum_encoder.module)
        with torch.no_grad():
            expected = functional.normalize(encoder.train()(inputs))
        self.seen.append(
            dict(
                expected=expected.numpy(),
                embedding=hook.bank.embedding.copy(),
                iteration=hook.bank.iteration.copy(),
                labels=dataset.identity_table.identity[rows].copy(),
                tracker=dataset.identity_table.original[rows].copy(),
                weights={k: v.clone() for k, v in runner.model.state_dict().items()},
            )
        )


def extracting(crops, work_dir, name, extract=None, look=True, **options):
    """The toy with batch normalisation, which embeds images before it trains."""
    cfg = toy_cfg(crops, work_dir, name, **options)
    cfg.model.backbone.norm_cfg = dict(type='BN')
    pipeline = cfg.test_dataloader.dataset.pipeline
    extract = dict(pipeline=pipeline, num_workers=0, **(extract or {}))
    cfg.custom_hooks = [dict(type='RelabelHook', start=2, extract=extract)]
    if look:
        LookHook.seen.clear()
        cfg.custom_hooks.append(dict(type='LookHook'))
    return cfg


@pytest.fixture(scope='module')
def weights(crops, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('weights')
    cfg = extracting(crops, work_dir, 'weights', look=False)
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.05)
    cfg.train_cfg.max_epochs = 2
    train(cfg)
    return str(work_dir / 'epoch_2.pth')


def last_log(work_dir):
    return max(work_dir.glob('*/*.log'), key=lambda f: f.stat().st_mtime).read_text()


def test_labels_are_repaired_before_the_first_epoch(crops, weights, tmp_path):
    train(extracting(crops, tmp_path, 'look', load_from=weights))
    [seen] = LookHook.seen
    assert (seen['iteration'] == 0).all()
    np.testing.assert_allclose(seen['embedding'], seen['expected'], atol=2e-3)
    changed = seen['labels'] != seen['tracker']
    assert changed.any()
    saved = torch.load(weights, weights_only=False)['state_dict']
    norms = [key for key in saved if 'running_' in key]
    assert len(norms) > 10
    for key in norms:
        assert torch.equal(seen['weights'][key], saved[key]), key
    text = last_log(tmp_path)
    assert re.search(r'Embedded 96 single-camera images before training, \d+ s', text)
    assert text.index('Relabeling before epoch 1') < text.index('Epoch(train) [1]')
    assert 'Relabeling after epoch 1:' not in text
    # a resumed run does not begin anew
    more = {'resume': True, 'train_cfg.max_epochs': 5}
    train(extracting(crops, tmp_path, 'resumed', **more))
    [seen] = LookHook.seen
    assert seen['iteration'].max() == 15
    assert 'Embedded' not in last_log(tmp_path)


def test_killed_and_resumed_is_unbroken(crops, weights, tmp_path):
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    options = dict(look=False, extract=dict(batch_size=7), load_from=weights)
    two = {'train_cfg.max_epochs': 2}
    train(extracting(crops, whole, 'whole', **options, **two))
    cfg = extracting(crops, broken, 'broken', **options, **two)
    cfg.custom_hooks.append(dict(type='KillHook', iteration=5))
    with pytest.raises(Killed):
        train(cfg)
    options.pop('load_from')
    train(extracting(crops, broken, 'resumed', resume=True, **options, **two))
    one, two = (
        torch.load(folder / 'epoch_2.pth', weights_only=False)
        for folder in (whole, broken)
    )
    for key in ('state_dict', 'identity_table'):
        assert_same(one[key], two[key], key)


def test_some_images_of_each_tracklet_and_an_unreadable_one(crops, tmp_path):
    root = tmp_path / 'crops'
    shutil.copytree(crops, root)
    broken = root / 'videos' / 'v0' / 't0' / '0.png'
    one_epoch = {'train_cfg.max_epochs': 1}
    options = dict(images_per_tracklet=2)
    cfg = extracting(root, tmp_path, 'some', options, **one_epoch)
    cfg.train_dataloader.dataset.single_camera[0].cache_dir = str(root / 'cache')
    for pipeline in (
        cfg.train_dataloader.dataset.pipeline,
        cfg.custom_hooks[0].extract.pipeline,
    ):
        pipeline[0].skip_unreadable = True
    broken.write_bytes(broken.read_bytes()[:50])
    train(cfg)
    [seen] = LookHook.seen
    # the first and the third of four
    expected = np.arange(96) % 2 == 0
    expected[0] = False
    np.testing.assert_array_equal(seen['iteration'] == 0, expected)
    assert 'Embedded 48 single-camera images before training (1 of' in last_log(
        tmp_path
    )


def test_people_without_tracklets_are_found_before_the_first_epoch(
    crops, weights, tmp_path
):
    cfg = extracting(crops, tmp_path, 'dbscan', load_from=weights)
    cfg.train_cfg.max_epochs = 1
    source = cfg.train_dataloader.dataset.single_camera[0]
    source.pattern = r'/(?P<video>v\d)/(?P<tracklet>(?P<frame>.+))\.'
    cfg.custom_hooks[0].update(scope='dbscan', rule=dict(eps=0.1, min_samples=2))
    train(cfg)
    [seen] = LookHook.seen
    assert len(np.unique(seen['tracker'])) == 96
    assert len(np.unique(seen['labels'])) < 60


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


def test_a_rank_that_cannot_read_goes_on_until_all_meet():
    """Synchronised normalisation of the others counts on it in each batch."""
    embedded = []

    def embed(images):
        embedded.append(tuple(images.shape[1:]))
        return torch.ones(len(images), 4)

    class Model(torch.nn.Module):
        data_preprocessor = ReIDDataPreprocessor()
        momentum_embeddings = staticmethod(embed)

    class Images:
        def get_data_info(self, row):
            if row == 5:
                raise OSError('image 5 is broken')
            return dict(img=np.zeros((20, 10, 3), np.uint8), image_index=row)

    class TwoRanks:
        count = 2

        def add_up(self, counts, what):
            return np.asarray(counts)

        def together(self, function, what):
            return function()

    runner = SimpleNamespace(
        model=Model(),
        train_dataloader=SimpleNamespace(dataset=Images()),
        optim_wrapper=SimpleNamespace(optim_context=lambda model: nullcontext()),
        seed=0,
    )
    packing = [dict(type='dynamix.PackReIDInputs')]
    with (
        patch.object(extraction_module, 'ROUNDS', 1),
        pytest.raises(OSError, match='image 5'),
    ):
        Extraction(packing, batch_size=2, num_workers=0).run(
            runner, np.arange(12), lambda *_: None, TwoRanks()
        )
    assert len(embedded) == 6
    assert set(embedded) <= {(3, 20, 10), (3, 64, 32)}


@given(st.integers(0, 60), st.integers(0, 9), st.integers(0, 3))
def test_batches_hold_all_images_and_never_one(size, count, seed):
    rows = np.arange(size) * 3 + 5
    batches = deal_batches(rows, count, seed)
    assert len(batches) == count
    if count:
        sizes = [len(batch) for batch in batches]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2
        taken = np.concatenate(batches)
        assert set(taken) == (set(rows) or {0})
        assert len(taken) == max(size, 2 * count)


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (True, TypeError, 'must be a dict'),
        (dict(), TypeError, 'must be a dict with `pipeline`'),
        (dict(pipeline=[1], batch=3), TypeError, "'batch'"),
        (dict(pipeline=[]), ValueError, 'pipeline must have transforms'),
        (dict(pipeline=[1], batch_size=0), ValueError, 'batch_size` must be a whole'),
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
