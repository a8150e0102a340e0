from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.engine.resumed_settings import settings_of, warn_of_resumed
from dynamix.engine.unwrap import unwrap
from dynamix.models.checkpoint_weights import checkpoint_weights, with_encoder
from dynamix.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Refuses a checkpoint that does not fit the model.

    MMEngine loads what fits and warns about the rest, so a model that is half random
    would train or be tested without an error. Here, a weight of another shape is an
    error; one that the checkpoint or the model lacks is an error when resuming and
    testing, and so is a checkpoint of which nothing fits. The head's memories are left
    out: their size follows the data.

    When resuming, optimizer and schedules must be of the same types, because PyTorch
    would hand the state of one to another: Adam resumed as SGD fails in its first
    step, as AdamW it stays Adam. Other settings that differ are warnings.
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
        if 'state_dict' in checkpoint:
            checkpoint['state_dict'] = with_encoder(checkpoint['state_dict'])
        if not training or not runner._resume:
            return
        if 'optimizer' not in checkpoint:
            raise ValueError(
                f'{source} has no `optimizer`: it is a best checkpoint or was saved '
                'with save_optimizer=False, and cannot be resumed from; use '
                '`load_from`.'
            )
        warn_of_resumed(source, checkpoint.get('settings', {}), runner.cfg)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Adds the settings to a checkpoint that can be resumed."""
        if 'optimizer' in checkpoint:
            checkpoint['settings'] = settings_of(runner.cfg)
