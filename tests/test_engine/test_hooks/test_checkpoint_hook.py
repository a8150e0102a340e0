from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.logging import MessageHub, MMLogger

from dynamix.registry import HOOKS


class CardboardRunner(SimpleNamespace):
    """Saves empty files, and remembers what was there before and which are to stay."""

    def save_checkpoint(self, out_dir: str, filename: str, *_: Any, **__: Any) -> None:
        there = sorted(x for x in os.listdir(out_dir) if x.endswith('.pth'))
        ids = self.message_hub.runtime_info.get('keep_ckpt_ids')
        self.seen.append((there, ids))
        if self.full:
            raise OSError('disk full')
        Path(out_dir, filename).touch()


def make_runner(work_dir: Path) -> CardboardRunner:
    return CardboardRunner(
        work_dir=str(work_dir),
        message_hub=MessageHub(f'checkpoints in {work_dir.name}'),
        logger=MMLogger.get_current_instance(),
        max_epochs=9,
        epoch=0,
        iter=0,
        seen=[],
        full=False,
    )


def train(hook: Any, runner: CardboardRunner, epochs: int) -> None:
    for _ in range(epochs):
        hook.after_train_epoch(runner)
        runner.epoch += 1


def checkpoints(work_dir: Path) -> list[str]:
    return sorted(path.name for path in work_dir.glob('*.pth'))


def test_old_ones_are_removed_when_the_new_one_is_there(tmp_path: Path) -> None:
    runner = make_runner(tmp_path)
    hook = HOOKS.build(dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
    hook.before_train(runner)
    train(hook, runner, 3)
    assert runner.seen == [
        ([], [1]),
        (['epoch_1.pth'], [2]),
        (['epoch_2.pth'], [3]),
    ]
    assert checkpoints(tmp_path) == ['epoch_3.pth']
    runner.full = True
    with pytest.raises(OSError, match='disk full'):
        train(hook, runner, 1)
    assert checkpoints(tmp_path) == ['epoch_3.pth']
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_3.pth')


@pytest.mark.parametrize(('kept', 'left'), [(2, [3, 4]), (-1, [1, 2, 3, 4])])
def test_as_many_are_kept_as_are_asked_for(
    tmp_path: Path, kept: int, left: list[int]
) -> None:
    runner = make_runner(tmp_path)
    hook = HOOKS.build(dict(type='CheckpointHook', interval=1, max_keep_ckpts=kept))
    hook.before_train(runner)
    train(hook, runner, 4)
    assert checkpoints(tmp_path) == [f'epoch_{n}.pth' for n in left]
