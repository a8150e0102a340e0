from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.registry import HOOKS


@HOOKS.register_module()
class InitialEvaluationHook(Hook):
    """Evaluates the initial model, for comparison; not again in a resumed run."""

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Runs the validation loop, if there is one and nothing was trained yet."""
        if runner.iter == 0 and runner.val_loop is not None:
            runner.logger.info('Evaluation of the initial model:')
            runner.val_loop.run()
