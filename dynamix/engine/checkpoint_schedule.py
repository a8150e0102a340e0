"""When MMEngine's CheckpointHook saves."""

from __future__ import annotations

import os.path as osp

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
    return any(
        isinstance(hook, CheckpointHook) and hook.save_best is not None
        for hook in runner.hooks
    )
