from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.engine.checkpoint_schedule import next_checkpoint, saves_best
from dynamix.engine.unwrap import unwrap
from dynamix.registry import HOOKS


@HOOKS.register_module()
class ShardedMemoryHook(Hook):
    """Collects a memory that is sharded over ranks where a checkpoint follows.

    MMEngine saves on rank 0 alone, which has a part of it. Nothing happens to a memory
    that is not sharded.
    """

    # after RelabelHook (LOW) changes it, before CheckpointHook (VERY_LOW) writes
    priority = 80

    def after_train_epoch(self, runner: Runner) -> None:
        """Collects it if a checkpoint of this epoch follows."""
        if next_checkpoint(runner) is not None:
            unwrap(runner).head.gather()

    def before_val_epoch(self, runner: Runner) -> None:
        """Collects it if the validation may save a best checkpoint."""
        if saves_best(runner):
            unwrap(runner).head.gather()
