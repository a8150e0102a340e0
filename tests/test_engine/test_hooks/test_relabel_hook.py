"""The hook in short trainings of the toy model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.engine import RelabelHook
from dynamix.engine.hooks import relabel_hook
from dynamix.registry import HOOKS, TASK_UTILS
from dynamix.relabeling import Relabeling, RelabelReport
from tests.toy import toy_cfg, train


@pytest.fixture
def relabel_log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that RelabelHook logs, by whichever runner."""
    lines: list[str] = []
    monkeypatch.setattr(
        relabel_hook, 'print_log', lambda text, **options: lines.append(text)
    )
    return lines


@TASK_UTILS.register_module(force=True)
class FixedRelabeler:
    """Joins the first two tracklets of each video and notes what it was given."""

    def __init__(self, drop: bool = False) -> None:
        self.drop = drop
        self.given: list[dict[str, np.ndarray]] = []

    def __call__(self, embedding: np.ndarray, **columns: np.ndarray) -> Relabeling:
        self.given.append(dict(embedding=embedding, **columns))
        tracklet = columns['tracklet'].copy()
        for video in np.unique(columns['video']):
            names = np.unique(tracklet[columns['video'] == video])
            tracklet[tracklet == names[1]] = names[0]
        label = np.unique(tracklet, return_inverse=True)[1]
        if self.drop:
            label[:] = -1
        return Relabeling(label, RelabelReport(images=len(label), merges=7))


@HOOKS.register_module(force=True)
class LabelsHook(Hook):
    """Notes identities and centroids after the relabeling of each epoch."""

    priority = 'NORMAL'

    def before_train_epoch(self, runner: Runner) -> None:
        table = runner.train_dataloader.dataset.identity_table
        memory = runner.model.head.memory
        seen = (table.identity.copy(), memory.centroids.clone(), memory.valid.clone())
        runner.seen = [*getattr(runner, 'seen', []), seen]


def run(crops: Path, tmp_path: Path, epochs: int = 1, **options: Any) -> Runner:
    hook = dict(relabeler=dict(type='FixedRelabeler'), num_workers=0, batch_size=7)
    cfg = toy_cfg(
        crops,
        tmp_path,
        tmp_path.name,
        custom_hooks=[
            dict(hook, type='RelabelHook', **options),
            dict(type='LabelsHook'),
        ],
        **{
            'train_cfg.max_epochs': epochs,
            'optim_wrapper.optimizer.lr': 0.0,
            'model.momentum_encoder.momentum': 1e-6,
        },
    )
    return train(cfg)


def the_hook(runner: Runner) -> RelabelHook:
    return next(hook for hook in runner.hooks if isinstance(hook, RelabelHook))


def test_labels_and_centroids_of_the_window(crops: Path, tmp_path: Path) -> None:
    runner = run(crops, tmp_path, images_per_tracklet=2)
    loader = runner.train_dataloader
    table = loader.dataset.identity_table
    window = np.concatenate(loader.sampler.window(0))
    [given] = the_hook(runner).relabeler.given
    assert len(given['embedding']) == 2 * 8 * 2  # images x tracklets x videos
    assert (given['frame'] == -1).all()
    identity, centroids, valid = runner.seen[0]
    outside = np.setdiff1d(np.arange(len(table)), window)
    np.testing.assert_array_equal(identity[outside], table.original[outside])
    for rows in loader.sampler.window(0):
        before, after = table.original[rows], identity[rows]
        joined = np.isin(before, np.unique(before)[:2])
        assert len(np.unique(after[joined])) == 1
        np.testing.assert_array_equal(after[~joined], before[~joined])

    # embeddings are those of inference, centroids the means of each identity
    runner.model.eval()
    pipeline = the_hook(runner).embedder._loader.dataset
    positions = [rows[[1, 3]] for rows in np.split(window, len(window) // 4)]
    rows = np.concatenate(positions)
    images = torch.stack([pipeline[row]['inputs'] for row in rows])
    data = runner.model.data_preprocessor(dict(inputs=images))
    with torch.no_grad():
        expected = runner.model(data['inputs'])
    np.testing.assert_allclose(given['embedding'], expected, atol=1e-5)
    for name in np.unique(identity[rows]):
        mean = expected[identity[rows] == name].mean(0)
        torch.testing.assert_close(centroids[name], F.normalize(mean, dim=0))
    assert np.flatnonzero(valid).tolist() == np.unique(identity[rows]).tolist()


def test_labels_of_earlier_windows_stay(crops: Path, tmp_path: Path) -> None:
    # three videos, two in a window: a walk of three windows passes all twice
    runner = run(crops, tmp_path, epochs=3)
    table = runner.train_dataloader.dataset.identity_table
    changed = [(seen[0] != table.original).sum() for seen in runner.seen]
    assert changed == [8, 12, 12]


def test_tracker_labels_are_kept_without_a_relabeler(
    crops: Path, tmp_path: Path
) -> None:
    runner = run(crops, tmp_path, relabeler=None)
    table = runner.train_dataloader.dataset.identity_table
    np.testing.assert_array_equal(table.identity, table.original)
    window = np.concatenate(runner.train_dataloader.sampler.window(0))
    valid = np.flatnonzero(runner.seen[0][2])
    assert valid.tolist() == np.unique(table.original[window]).tolist()


def test_start_and_interval(
    crops: Path, tmp_path: Path, relabel_log: list[str]
) -> None:
    run(crops, tmp_path, epochs=4, start=2, interval=2)
    windows = [text.split(':')[0] for text in relabel_log]
    assert windows == ['Window of epoch 2', 'Window of epoch 4']
    for options in (dict(start=0), dict(interval=0), dict(images_per_tracklet=0)):
        with pytest.raises(ValueError, match='at least 1'):
            RelabelHook(**options)


def test_a_window_that_is_dropped_whole_does_not_end_the_run(
    crops: Path, tmp_path: Path
) -> None:
    runner = run(crops, tmp_path, relabeler=dict(type='FixedRelabeler', drop=True))
    assert runner.iter == 4


def test_scores_and_cost_are_logged(
    crops: Path, tmp_path: Path, relabel_log: list[str]
) -> None:
    truth = crops / 'videos' / 'truth.csv'
    rows = [f'v{v},t{t},{10 * v + t // 2}' for v in range(3) for t in range(8)]
    truth.write_text('\n'.join(['video,tracklet,person', *rows]))
    scalars: dict[str, list[float]] = {}
    cfg = toy_cfg(crops, tmp_path, tmp_path.name, **{'train_cfg.max_epochs': 1})
    cfg.train_dataloader.dataset.single_camera[0].truth = 'truth.csv'
    cfg.custom_hooks = [
        dict(type='RelabelHook', relabeler=dict(type='FixedRelabeler'), num_workers=0)
    ]
    runner = Runner.from_cfg(cfg)
    runner.visualizer.add_scalars = lambda values, **_: scalars.update(values)
    runner.train()
    [text] = [text for text in relabel_log if text.startswith('Window')]
    # of four pairs of tracklets of one person each video has one joined
    assert 'labels   after: precision 1.0000, recall 0.5714' in text
    assert scalars['relabel/merges'] == 7
    assert scalars['relabel/f1_tracker'] < scalars['relabel/f1_after'] < 1
    assert scalars['relabel/time'] > 0


def test_what_does_not_fit_is_named(crops: Path, tmp_path: Path) -> None:
    cfg = toy_cfg(crops, tmp_path, tmp_path.name)
    with pytest.raises(TypeError, match="TrackletRelabeler` has no key 'eps'"):
        RelabelHook(relabeler=dict(type='TrackletRelabeler', eps=3))
    cfg.test_dataloader.dataset.pipeline = []
    with pytest.raises(ValueError, match=r'RelabelHook\.pipeline must have'):
        train(cfg)
    cfg = toy_cfg(crops, tmp_path, f'{tmp_path.name}-alone')
    cfg.train_dataloader.sampler.single_camera = None
    cfg.train_dataloader.dataset.single_camera = []
    cfg.train_dataloader.batch_size = 8
    with pytest.raises(ValueError, match='RelabelHook has nothing to relabel'):
        train(cfg)
    cfg = toy_cfg(crops, tmp_path, f'{tmp_path.name}-ema')
    cfg.custom_hooks.append(dict(type='EMAHook'))
    with pytest.raises(ValueError, match='EMAHook averages the whole model'):
        train(cfg)
