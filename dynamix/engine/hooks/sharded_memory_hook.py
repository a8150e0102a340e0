from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.engine.checkpoint_schedule import next_checkpoint, saves_best
from dynamix.models.memory import CentroidMemory
from dynamix.registry import HOOKS


@HOOKS.register_module()
class ShardedMemoryHook(Hook):
    """Collects memories that are sharded over ranks where a checkpoint follows.

    MMEngine saves on rank 0 alone, which has a part of them. They may be anywhere in
    the model; nothing happens to memories that are not sharded.
    """

    # after RelabelHook (LOW) changes them, before CheckpointHook (VERY_LOW) writes
    priority = 80

    def after_train_epoch(self, runner: Runner) -> None:
        """Collects them if a checkpoint of this epoch follows."""
        if next_checkpoint(runner) is not None:
            self._gather(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Collects them if the validation may save a best checkpoint."""
        if saves_best(runner):
            self._gather(runner)

    def _gather(self, runner: Runner) -> None:
        for module in runner.model.modules():
            if isinstance(module, CentroidMemory):
                module.gather()
