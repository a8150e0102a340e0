"""When MMEngine's CheckpointHook saves."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner


def next_checkpoint(runner: Runner) -> str | None:
    """Path of the checkpoint that is saved after this epoch, if one is."""
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or not hook.by_epoch:
            continue
        if hook.every_n_epochs(runner, hook.interval, hook.save_begin) or (
            hook.save_last and hook.is_last_train_epoch(runner)
        ):
            return osp.join(
                hook.out_dir or runner.work_dir,
                hook.filename_tmpl.format(runner.epoch + 1),
            )
    return None


def saves_best(runner: Runner) -> bool:
    """Whether a validation may save a best checkpoint."""
    return bool(_hooks_for_best(runner))


def check_best(runner: Runner) -> None:
    """Looks whether each validation that may save a best checkpoint follows another.

    After a new best, MMEngine writes the checkpoint of that epoch, too. It could not be
    resumed from where no feature bank was written for it.

    Args:
        runner (Runner): About to train by epochs.

    Raises:
        ValueError: If some validations come without a checkpoint.
    """
    for hook in _hooks_for_best(runner):
        loop: Any = runner.train_loop
        if not hook.by_epoch or loop.val_interval % hook.interval:
            raise ValueError(
                'with save_best, MMEngine writes a checkpoint after each validation '
                'that is the best so far, but RelabelHook can only resume from those '
                f'of default_hooks.checkpoint.interval={hook.interval} epochs: set '
                f'train_cfg.val_interval, {loop.val_interval} now, to a multiple of '
                'that.'
            )


def _hooks_for_best(runner: Runner) -> list[CheckpointHook]:
    return [
        hook
        for hook in runner.hooks
        if isinstance(hook, CheckpointHook) and hook.save_best is not None
    ]
