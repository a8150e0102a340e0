from __future__ import annotations

import logging
import zlib
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner

from dynamix.engine.unwrap import check_head, unwrap
from dynamix.registry import HOOKS
from dynamix.structures import IdentityTable


@HOOKS.register_module()
class IdentityTableHook(Hook):
    """Binds the training data's labels to the model and keeps them in the checkpoint.

    Before training it passes the identity table of the ``MixedDataset`` to the head
    and checks that loop, sampler and loader fit together. It counts the images that
    could not be read.
    """

    # Before RelabelHook, which needs the bound head.
    priority = 'HIGH'

    def __init__(self) -> None:
        self.table: IdentityTable | None = None
        self._sampling: dict[str, int | str] = {}
        self._unreadable = 0

    def before_run(self, runner: Runner) -> None:
        """Binds table and head; does nothing where there is no training.

        Raises:
            ValueError: If train loop, sampler or batch size do not fit.
            TypeError: If the model has no such head.
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
        check_head(runner, 'IdentityTableHook', 'bind')
        loader = loop.dataloader
        sampler = loader.sampler
        expected = getattr(sampler, 'rank_batch_size', None)
        if expected is None:
            raise ValueError(
                'train_dataloader.sampler must be a MixedDataSampler, but is a '
                f'{type(sampler).__name__}.'
            )
        if loader.batch_size != expected:
            raise ValueError(
                f'train_dataloader.batch_size is {loader.batch_size}, but the global '
                f'batch of {sampler.global_batch_size} images over {get_world_size()} '
                f'rank(s) needs {expected} (tools/train.py sets it by itself).'
            )
        self.table = loader.dataset.identity_table
        dataset = loader.dataset
        self._sampling = dict(
            seed=sampler.seed,
            iterations=sampler.iterations,
            cameras=zlib.crc32(np.ascontiguousarray(dataset.camera).data),
        )
        unwrap(runner).head.bind(self.table, dataset.camera, dataset.scene)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Counts the images of this rank that could not be read."""
        samples = data_batch['data_samples']
        self._unreadable += sum(sample.image_index < 0 for sample in samples)

    def after_train_epoch(self, runner: Runner) -> None:
        """Logs how many images of the epoch could not be read, if any."""
        count = torch.tensor(self._unreadable)
        all_reduce(count)
        unreadable = int(count)
        if unreadable:
            print_log(
                f'{unreadable} images of epoch {runner.epoch + 1} could not be '
                'read and took no part in it.',
                logger='current',
                level=logging.WARNING,
            )
        self._unreadable = 0

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
        sampling = checkpoint['sampler']
        for key, config_key in (
            ('seed', 'randomness.seed (or train_dataloader.sampler.seed)'),
            ('iterations', 'train_dataloader.sampler.iterations'),
        ):
            theirs, ours = sampling[key], self._sampling[key]
            if theirs != ours:
                raise ValueError(
                    f'the run to resume sampled with {key} {theirs}, this config with '
                    f'{ours}: set {config_key} to {theirs}.'
                )
        # None: of a checkpoint from before cameras were noted
        if sampling.get('cameras') not in (None, self._sampling['cameras']):
            raise ValueError(
                'the checkpoint was made with other cameras of the training images: '
                'resume with the data and the `pattern` the run began with, or use '
                '`load_from` to take the weights alone.'
            )
        self.table.load_state_dict(checkpoint['identity_table'])
