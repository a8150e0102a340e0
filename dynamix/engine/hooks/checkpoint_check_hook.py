from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.engine.unwrap import unwrap
from dynamix.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Refuses a checkpoint that does not fit the model.

    MMEngine loads what fits and warns about the rest; a model that is half random
    would train or be tested without complaint. Here a weight of another shape is an
    error, a missing one is an error when resuming and testing, and a checkpoint of
    which nothing fits always is. The head's memories are none of its business: their
    size follows the data.
    """

    # Before IdentityTableHook, whose message presumes a checkpoint of this model.
    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compares names and shapes before anything is copied.

        Raises:
            ValueError: If the checkpoint does not fit.
        """
        theirs = {
            key.removeprefix('module.'): value
            for key, value in checkpoint.get('state_dict', checkpoint).items()
        }
        ours = {
            f'{name}.{key}': value
            for name, child in unwrap(runner).named_children()
            if name != 'head'
            for key, value in child.state_dict().items()
        }
        common = ours.keys() & theirs.keys()
        source = runner._load_from or 'the checkpoint'
        if not common:
            raise ValueError(
                f'no weight of {source} fits the model: it has e.g. '
                f'{sorted(theirs)[:3]}, the model e.g. {sorted(ours)[:3]}. A backbone '
                'alone is loaded by model.backbone.init_cfg=dict(type="Pretrained", '
                'checkpoint=...).'
            )
        for key in sorted(common):
            if ours[key].shape != theirs[key].shape:
                raise ValueError(
                    f'{key} has shape {tuple(theirs[key].shape)} in {source}, but '
                    f'{tuple(ours[key].shape)} in the model of this config.'
                )
        training = hasattr(getattr(runner, '_train_loop', None), 'dataloader')
        missing = sorted(ours.keys() - common)
        if missing and (runner._resume or not training):
            raise ValueError(
                f'{source} lacks {len(missing)} of the {len(ours)} weights of the '
                f'model, e.g. {missing[:3]}.'
            )
