from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.engine.unwrap import unwrap
from dynamix.models.checkpoint_weights import checkpoint_weights
from dynamix.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Refuses a checkpoint that does not fit the model.

    MMEngine loads what fits and warns about the rest; a model that is half random
    would train or be tested without complaint. Here a weight of another shape is an
    error; one that the checkpoint or the model lacks is an error when resuming and
    testing, and a checkpoint of which nothing fits always is. The head's memories are
    none of its business: their size follows the data.
    """

    # Before IdentityTableHook, whose message presumes a checkpoint of this model.
    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compares names and shapes before anything is copied.

        Raises:
            ValueError: If the checkpoint does not fit.
        """
        training = hasattr(getattr(runner, '_train_loop', None), 'dataloader')
        checkpoint_weights(
            checkpoint,
            unwrap(runner),
            source=runner._load_from or 'the checkpoint',
            partly=training and not runner._resume,
        )
