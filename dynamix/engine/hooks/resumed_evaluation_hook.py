from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from dynamix.registry import HOOKS


@HOOKS.register_module()
class ResumedEvaluationHook(Hook):
    """Evaluates the checkpoint that a run is resumed from, if that is due.

    MMEngine saves before it evaluates and resumes with the next epoch, so a run killed
    while it evaluates would never finish that evaluation, not even the last one.
    ``tools/train.py`` adds this hook.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Runs the validation loop, if it is due after the epoch resumed from."""
        loop: Any = runner.train_loop
        if not isinstance(loop, EpochBasedTrainLoop) or runner.val_loop is None:
            return
        epoch = runner.epoch
        if runner.iter == 0 or runner.iter != epoch * len(loop.dataloader):
            return  # not the end of an epoch
        loop._decide_current_val_interval()
        if epoch >= loop.val_begin and (
            epoch % loop.val_interval == 0 or epoch == loop.max_epochs
        ):
            runner.logger.info(f'Evaluation after epoch {epoch}, which is resumed:')
            runner.val_loop.run()
