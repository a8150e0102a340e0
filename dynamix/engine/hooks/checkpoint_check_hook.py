from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer

from dynamix.engine.resumed_settings import settings_of, warn_of_resumed
from dynamix.engine.unwrap import unwrap
from dynamix.models.checkpoint_weights import checkpoint_weights
from dynamix.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Refuses a checkpoint that does not fit the model.

    MMEngine loads what fits and warns about the rest, so a model that is half random
    would train or be tested without an error. Here, a weight of another shape is an
    error; one that the checkpoint or the model lacks is an error when resuming and
    testing, and so is a checkpoint of which nothing fits. The head's memories are left
    out: their size follows the data.

    When resuming, the optimizer must be of the same type, because PyTorch would hand
    the state of one to another: Adam resumed as SGD fails in its first step, as AdamW
    it stays Adam. Other settings that differ are warnings.
    """

    # Before IdentityTableHook, which assumes a checkpoint of this model.
    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compares names, shapes and settings before anything is copied.

        Raises:
            ValueError: If the checkpoint does not fit.
        """
        training = hasattr(getattr(runner, '_train_loop', None), 'dataloader')
        source = runner._load_from or 'the checkpoint'
        checkpoint_weights(
            checkpoint,
            unwrap(runner),
            source=source,
            partly=training and not runner._resume,
        )
        if training and runner._resume:
            if optimizer := _optimizer(runner):
                _check_optimizer(checkpoint, optimizer, source)
            if 'settings' in checkpoint:
                warn_of_resumed(source, checkpoint['settings'], runner.cfg)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Adds the type of the optimizer, which its state lacks, and the settings."""
        if 'optimizer' in checkpoint:
            checkpoint['settings'] = settings_of(runner.cfg)
            if optimizer := _optimizer(runner):
                checkpoint['optimizer_type'] = type(optimizer).__name__


def _optimizer(runner: Runner) -> Optimizer | None:
    # of a wrapper of several there is none
    return getattr(runner.optim_wrapper, 'optimizer', None)


def _check_optimizer(checkpoint: dict, optimizer: Optimizer, source: str) -> None:
    if 'optimizer' not in checkpoint:
        raise ValueError(
            f'{source} has no `optimizer`: it is a best checkpoint or was saved with '
            'save_optimizer=False, and cannot be resumed from; use `load_from`.'
        )
    ours = type(optimizer).__name__
    theirs = checkpoint.get('optimizer_type', ours)  # of before it was noted
    if theirs != ours:
        raise ValueError(
            f'{source} has the state of {theirs}, but optim_wrapper.optimizer.type is '
            f'{ours}: resume with {theirs}, or take the weights alone by `load_from`.'
        )
    groups, expected = (
        [len(group['params']) for group in some]
        for some in (checkpoint['optimizer']['param_groups'], optimizer.param_groups)
    )
    if groups != expected:
        raise ValueError(
            f'{source} has an optimizer of {len(groups)} parameter groups with '
            f'{sum(groups)} parameters, optim_wrapper makes {len(expected)} with '
            f'{sum(expected)}: resume with the constructor and paramwise_cfg the run '
            'began with, or take the weights alone by `load_from`.'
        )
