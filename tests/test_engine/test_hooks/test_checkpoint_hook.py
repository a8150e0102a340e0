from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.logging import MessageHub, MMLogger

from dynamix.evaluation import ReIDMetric
from dynamix.registry import HOOKS


class CardboardRunner(SimpleNamespace):
    """Saves empty files."""

    def save_checkpoint(self, out_dir: str, filename: str, *_: Any, **__: Any) -> None:
        Path(out_dir, filename).touch()


def make_runner(work_dir: Path) -> CardboardRunner:
    work_dir.mkdir(exist_ok=True)
    targets = [SimpleNamespace(name='viper')]
    val_loop = SimpleNamespace(
        evaluator=SimpleNamespace(metrics=[ReIDMetric(topk=(1,))]),
        dataloader=SimpleNamespace(dataset=SimpleNamespace(datasets=targets)),
    )
    return CardboardRunner(
        work_dir=str(work_dir),
        message_hub=MessageHub(f'checkpoints in {work_dir}'),
        logger=MMLogger.get_current_instance(),
        val_loop=val_loop,
        max_epochs=9,
        epoch=0,
        iter=0,
    )


def begin(runner: CardboardRunner, **options: Any) -> Any:
    hook = HOOKS.build(dict(type='CheckpointHook', interval=1, **options))
    hook.before_train(runner)
    return hook


def train(hook: Any, runner: CardboardRunner, epochs: int) -> None:
    for _ in range(epochs):
        hook.after_train_epoch(runner)
        runner.epoch += 1


def checkpoints(work_dir: Path) -> list[str]:
    return sorted(path.name for path in work_dir.glob('*.pth'))


ONE = dict(save_best='auto')
TWO = dict(save_best=['average/mAP', 'viper/Rank-1'])


@pytest.mark.parametrize('best', [ONE, TWO])
@pytest.mark.parametrize('is_copy', [False, True])
def test_another_run_keeps_its_best_checkpoint(
    tmp_path: Path, best: dict[str, Any], is_copy: bool
) -> None:
    first = make_runner(tmp_path / 'a')
    hook = begin(first, max_keep_ckpts=2, **best)
    train(hook, first, 1)
    hook.after_val_epoch(first, {'average/mAP': 10.0, 'viper/Rank-1': 20.0})
    theirs = checkpoints(tmp_path / 'a')
    assert 'best_average_mAP_epoch_1.pth' in theirs
    second = make_runner(tmp_path / 'b')
    if is_copy:  # cp -r a b
        for name in theirs:
            (tmp_path / 'b' / name).touch()
    # as a resumed run has it
    second.message_hub.load_state_dict(first.message_hub.state_dict())
    second.epoch = 1
    hook = begin(second, max_keep_ckpts=2, **best)
    train(hook, second, 1)
    hook.after_val_epoch(second, {'average/mAP': 11.0, 'viper/Rank-1': 10.0})
    assert checkpoints(tmp_path / 'a') == theirs
    expected = {'best_average_mAP_epoch_2.pth', 'epoch_2.pth'}
    if is_copy:
        expected |= {*theirs} - {'best_average_mAP_epoch_1.pth'}
    assert {*checkpoints(tmp_path / 'b')} == expected


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(max_keep=1), r"`default_hooks\.checkpoint` has no key 'max_keep'; .*"),
        (dict(interval=1.5), r'checkpoint\.interval` must be a whole'),
        (dict(max_keep_ckpts='2'), r'checkpoint\.max_keep_ckpts` must be a whole'),
        (dict(max_keep_ckpts=1), 'whole number of at least 2'),
        (dict(by_epoch=False), "has no key 'by_epoch'"),
        (dict(out_dir='/disk'), "has no key 'out_dir'"),
    ],
)
def test_a_wrong_option_is_an_error_when_built(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        HOOKS.build({'type': 'CheckpointHook', 'interval': 1, **options})


@pytest.mark.parametrize(
    ('name', 'known'),
    [
        ('average/map', False),
        ('viper/Rank-5', False),
        (['average/mAP', 'vipr/mINP'], False),
        (['average/mINP', 'viper/Rank-1'], True),
    ],
)
def test_a_score_that_there_will_not_be_is_an_error_before_training(
    tmp_path: Path, name: Any, known: bool
) -> None:
    runner = make_runner(tmp_path)
    if known:
        begin(runner, save_best=name, rule='greater')
    else:
        with pytest.raises(TypeError, match=r'save_best` has no key .*viper/mAP'):
            begin(runner, save_best=name, rule='greater')
    runner.val_loop.evaluator.metrics.append(object())
    begin(runner, save_best='loss')
    runner.val_loop = None  # --no-validate
    begin(runner, save_best='average/mAP')
