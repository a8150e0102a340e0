from __future__ import annotations

import zlib

import numpy as np
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from dynamix.engine.unwrap import unwrap
from dynamix.registry import HOOKS
from dynamix.structures import IdentityTable

# What the stream of batches depends on besides the labels, for errors.
SAMPLING = dict(
    seed='randomness.seed (or train_dataloader.sampler.seed)',
    iterations='train_dataloader.sampler.iterations',
    cameras='checksum of the cameras of the training images',
)


@HOOKS.register_module()
class IdentityTableHook(Hook):
    """Binds the training data's labels to the model and keeps them in the checkpoint.

    Before training it passes the identity table of the ``MixedDataset`` to the head
    and checks that loop, sampler and loader fit together.
    """

    # Before RelabelHook, which needs the bound head.
    priority = 'HIGH'

    def __init__(self) -> None:
        self.table: IdentityTable | None = None
        self._sampling: dict[str, int] = {}

    def before_run(self, runner: Runner) -> None:
        """Binds table and head; does nothing where there is no training.

        Raises:
            ValueError: If train loop or batch size do not fit.
        """
        loop = getattr(runner, '_train_loop', None)
        if not hasattr(loop, 'dataloader'):
            return
        if not isinstance(loop, EpochBasedTrainLoop):
            raise ValueError(
                'train_cfg must say by_epoch=True, but the loop is a '
                f'{type(loop).__name__}: labels change between epochs, whose length '
                'is the `iterations` of the sampler.'
            )
        loader, dataset = loop.dataloader, loop.dataloader.dataset
        sampler = loader.sampler
        if loader.batch_size != sampler.rank_batch_size:
            raise ValueError(
                f'train_dataloader.batch_size is {loader.batch_size}, but the global '
                f'batch of {sampler.global_batch_size} images over {get_world_size()} '
                f'rank(s) needs {sampler.rank_batch_size} (tools/train.py sets it by '
                'itself).'
            )
        self.table = dataset.identity_table
        self._sampling = dict(
            seed=sampler.seed,
            iterations=sampler.iterations,
            cameras=zlib.crc32(np.ascontiguousarray(dataset.camera).data),
        )
        unwrap(runner).head.bind(self.table, dataset.camera, dataset.scene)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Writes the current labels, and the settings of the sampler."""
        if self.table is not None:
            checkpoint['identity_table'] = self.table.state_dict()
            checkpoint['sampler'] = dict(self._sampling)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restores the labels when a run is resumed.

        Where only weights are taken (``load_from``), the head's memories are left out:
        they belong to the identities of another run.

        Raises:
            ValueError: If the checkpoint has no labels, or was made with other data
                or another stream of batches.
        """
        if self.table is None:
            return
        if not runner._resume:
            weights = checkpoint.get('state_dict', checkpoint)
            for key in [key for key in weights if key.startswith('head.')]:
                del weights[key]
            return
        if 'identity_table' not in checkpoint:
            raise ValueError(
                'the checkpoint has no `identity_table`, so it cannot be resumed '
                'from; use `load_from` to take its weights alone.'
            )
        for key, where in SAMPLING.items():
            theirs, ours = checkpoint['sampler'][key], self._sampling[key]
            if theirs != ours:
                raise ValueError(
                    f'the run to resume had another {where} ({theirs}, now {ours}): '
                    'resume it with its own settings and data, or take the weights '
                    'alone by `load_from`.'
                )
        self.table.load_state_dict(checkpoint['identity_table'])
