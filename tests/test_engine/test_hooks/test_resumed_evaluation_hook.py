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


@pytest.mark.parametrize(
    ('iteration', 'begin', 'last', 'times'),
    [
        (0, 1, 5, 0),
        (8, 1, 5, 1),
        (9, 1, 5, 0),  # in the middle of an epoch
        (12, 1, 5, 0),  # each second epoch
        (12, 1, 3, 1),  # the last
        (8, 3, 5, 0),
    ],
)
def test_when_it_evaluates(iteration, begin, last, times):
    done = []
    loop = object.__new__(EpochBasedTrainLoop)
    loop.dataloader, loop.val_begin, loop._max_epochs = range(4), begin, last
    loop.dynamic_milestones, loop.dynamic_intervals = [0], [2]
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


def test_evaluations_of_a_resumed_run(crops, tmp_path):
    options = {'train_cfg.max_epochs': 3, 'train_cfg.val_interval': 2}
    with pytest.raises(Killed):
        train(toy_cfg(crops, tmp_path, 'killed', **options), KillHook(3))
    cfg = toy_cfg(crops, tmp_path, 'resumed', resume=True, **options)
    cfg.default_hooks.checkpoint.save_best = 'average/mAP'
    train(cfg)
    assert read_scalars(tmp_path)['average/mAP'].x.tolist() == [2, 3]
    assert len([*tmp_path.glob('best_*.pth')]) == 1
