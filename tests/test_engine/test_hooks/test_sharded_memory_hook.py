from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.hooks import CheckpointHook
from mmengine.runner import get_priority
from torch import nn

from dynamix.engine.hooks import RelabelHook, ShardedMemoryHook
from dynamix.models.memory import CentroidMemory


def gathers(epoch: int, **options) -> tuple[int, int]:
    """How often a memory is collected after an epoch of eight, and for validation."""
    calls = []
    model = nn.ModuleDict(dict(anywhere=nn.Sequential(CentroidMemory(2, 3))))
    model['anywhere'][0].gather = lambda: calls.append(0)
    runner = SimpleNamespace(
        hooks=[CheckpointHook(**options)],
        model=model,
        work_dir='',
        epoch=epoch - 1,
        max_epochs=8,
    )
    hook = ShardedMemoryHook()
    hook.after_train_epoch(runner)
    after = len(calls)
    hook.before_val_epoch(runner)
    return after, len(calls) - after


@pytest.mark.parametrize(
    ('epoch', 'options', 'expected'),
    [
        (3, dict(interval=3), (1, 0)),
        (4, dict(interval=3), (0, 0)),
        (8, dict(interval=3), (1, 0)),
        (8, dict(interval=3, save_last=False), (0, 0)),
        (4, dict(interval=3, save_best='average/mAP'), (0, 1)),
        (4, dict(interval=3, by_epoch=False), (0, 0)),
    ],
)
def test_collects_where_a_checkpoint_follows(epoch, options, expected):
    assert gathers(epoch, **options) == expected


def test_comes_between_what_changes_it_and_what_saves_it():
    order = [RelabelHook, ShardedMemoryHook, CheckpointHook]
    priorities = [get_priority(hook.priority) for hook in order]
    assert priorities == sorted({*priorities})
