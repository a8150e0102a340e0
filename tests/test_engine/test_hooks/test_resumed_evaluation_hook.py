"""An evaluation that a kill cut short is done when the run is resumed."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from dynamix.engine.hooks import ResumedEvaluationHook
from dynamix.visualization import read_scalars
from tests.toy import toy_cfg


class Killed(Exception):
    pass


class KillHook(Hook):
    def __init__(self, epoch):
        self.epoch = epoch

    def before_val_epoch(self, runner):
        if runner.epoch == self.epoch:
            raise Killed


def train(cfg, *hooks):
    runner = Runner.from_cfg(cfg)
    for hook in (ResumedEvaluationHook(), *hooks):
        runner.register_hook(hook)
    runner.train()


@pytest.mark.parametrize(('iteration', 'times'), [(0, 0), (8, 1), (9, 0)])
def test_no_evaluation_in_the_middle_of_an_epoch(iteration, times):
    done = []
    loop = object.__new__(EpochBasedTrainLoop)
    loop.dataloader, loop.val_begin, loop._max_epochs = range(4), 1, 5
    loop.dynamic_milestones, loop.dynamic_intervals = [0], [1]
    loop._epoch = iteration // 4
    runner = SimpleNamespace(
        iter=iteration,
        epoch=iteration // 4,
        train_loop=loop,
        val_loop=SimpleNamespace(run=lambda: done.append(1)),
        logger=logging.getLogger(),
    )
    ResumedEvaluationHook().before_train(runner)
    assert len(done) == times
    runner.train_loop = object()
    ResumedEvaluationHook().before_train(runner)
    assert len(done) == times


@pytest.mark.parametrize(
    ('epoch', 'options', 'evaluated'),
    [
        (2, {'train_cfg.max_epochs': 3}, [2, 3]),  # each second and the last
        (3, {'train_cfg.max_epochs': 3}, [2, 3]),
        (3, {'train_cfg.max_epochs': 3, 'train_cfg.val_begin': 3}, [3]),
        (3, {'train_cfg.max_epochs': 4}, [2, 4]),  # was the last, is no longer
    ],
)
def test_evaluations_of_a_resumed_run(crops, tmp_path, epoch, options, evaluated):
    name = '_'.join(map(str, [epoch, *options.values()]))
    options = {**options, 'train_cfg.val_interval': 2}
    before = {**options, 'train_cfg.max_epochs': 3}
    with pytest.raises(Killed):
        train(toy_cfg(crops, tmp_path, f'killed{name}', **before), KillHook(epoch))
    cfg = toy_cfg(crops, tmp_path, f'resumed{name}', resume=True, **options)
    cfg.default_hooks.checkpoint.save_best = 'average/mAP'
    train(cfg)
    assert read_scalars(tmp_path)['average/mAP'].x.tolist() == evaluated
    assert len([*tmp_path.glob('best_*.pth')]) == 1
