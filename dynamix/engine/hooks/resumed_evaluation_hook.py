from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from dynamix.registry import HOOKS


@HOOKS.register_module()
class ResumedEvaluationHook(Hook):
    """Does the evaluation that follows the checkpoint a run is resumed from.

    MMEngine saves before it evaluates and resumes with the next epoch: a run that is
    killed in its evaluation would never do it, the last one neither. One that was done
    gives the same again. ``tools/train.py`` has this hook.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Runs the validation loop, if it is time for it after the epoch resumed."""
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
