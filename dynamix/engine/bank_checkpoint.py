"""The feature bank beside a checkpoint: when it is written, and where it is found."""

from __future__ import annotations

import logging
import os.path as osp
import shutil
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner, find_latest_checkpoint

from dynamix.relabeling import FeatureBank, VideoSplit, load_bank, save_bank
from dynamix.relabeling.exchange import Exchange

from .checkpoint_schedule import next_checkpoint

SUFFIX = '.feature_bank'


class BankCheckpoint:
    """Writes a feature bank beside each checkpoint of an epoch, and reads it.

    Every rank writes its own part to ``<checkpoint>.feature_bank/``, a folder that any
    number of ranks can read. So no rank ever holds or sends the whole, and a
    checkpoint is not read for the bank in it by every rank. The folder must be on a
    file system that all ranks see. One that has lost its checkpoint is removed before
    the next is written.

    Args:
        bank (FeatureBank): The bank of this rank.
        split (VideoSplit): Which images are in it.
    """

    def __init__(self, bank: FeatureBank, split: VideoSplit) -> None:
        self.bank, self.split = bank, split
        self._saved: tuple[int, dict[str, Any]] | None = None

    def save_if_due(self, runner: Runner) -> None:
        """Writes the bank if a checkpoint of this epoch follows; all ranks call it."""
        name = next_checkpoint(runner)
        if name is None:
            return
        path = Path(name)
        folder = path.with_name(path.stem + SUFFIX)
        if is_main_process():
            for other in path.parent.glob(f'*{SUFFIX}'):
                checkpoint = other.with_name(
                    other.name.removesuffix(SUFFIX) + path.suffix
                )
                if other != folder and not checkpoint.exists():
                    shutil.rmtree(other, ignore_errors=True)
        barrier()  # what is removed makes room for what is written
        exchange = Exchange(self.split.count)
        exchange.together(
            lambda: save_bank(self.bank, self.split, folder), f'writing {folder}'
        )
        total = exchange.add_up([self.bank.num_quarantined], 'saving the feature bank')
        reference = dict(
            folder=folder.name,
            ranks=self.split.count,
            num_images=self.split.num_images,
            dim=self.bank.embedding.shape[1],
            num_quarantined=int(total[0]),
        )
        self._saved = (runner.iter, reference)

    def refer(self, runner: Runner, checkpoint: dict) -> None:
        """Names the bank in the checkpoint that is being saved, on rank 0."""
        if 'optimizer' not in checkpoint:
            return  # none to resume from
        if self._saved is None or self._saved[0] != runner.iter:
            print_log(
                'A checkpoint is being saved in the middle of an epoch: it cannot be '
                'resumed from, as the feature bank is saved at the end of one.',
                logger='current',
                level=logging.WARNING,
            )
            return
        checkpoint['feature_bank'] = dict(self._saved[1])

    def load(self, runner: Runner, checkpoint: dict) -> None:
        """Reads the bank that a checkpoint names.

        Raises:
            ValueError: If it names none, or one of other data or another model.
            FileNotFoundError: If the bank is not there.
        """
        source = runner._load_from or find_latest_checkpoint(runner.work_dir)
        reference = checkpoint.get('feature_bank')
        if reference is None:
            raise ValueError(
                f'{source} has no `feature_bank`: it is a best checkpoint or was made '
                'without RelabelHook, and cannot be resumed with it; use `load_from`.'
            )
        found = reference['num_images'], reference['dim']
        expected = self.split.num_images, self.bank.embedding.shape[1]
        if found != expected:
            raise ValueError(
                f'{source} has a feature bank of {found[0]} images x {found[1]} '
                f'dimensions, this run needs {expected[0]} x {expected[1]}: resume '
                'with the data and the model the run began with.'
            )
        folder = osp.join(osp.dirname(source), reference['folder'])
        load_bank(self.bank, self.split, folder, reference['ranks'])
        if self.split.rank == 0:
            self.bank.num_quarantined = reference['num_quarantined']
