from __future__ import annotations

import logging
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from mmengine.dist import broadcast, broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from dynamix.registry import HOOKS
from dynamix.relabeling import (
    FeatureBank,
    RelabelReport,
    RelabelRule,
    relabel,
    score_labels,
)
from dynamix.structures import IdentityTable

from .identity_table_hook import unwrap


@HOOKS.register_module()
class RelabelHook(Hook):
    """Repairs the tracker's labels between epochs, and reports on it.

    It keeps the momentum embeddings that training computes anyway in a feature bank
    and, after an epoch, hands them to :func:`~dynamix.relabeling.relabel`. The new
    labels go into the identity table, where sampler and head read them; the head's
    memories follow.

    Source: DynaMix, relabeling module.

    Args:
        start (int): First epoch (counted from 1) after which labels are repaired.
            Defaults to 1.
        interval (int): Epochs from one relabeling to the next. Defaults to 1.
        max_age (int, optional): Embeddings made more than this many iterations ago do
            not vote. None lets all vote. Defaults to None.
        rule (dict, optional): Fields of :class:`~dynamix.relabeling.RelabelRule`.
            Defaults to None.

    Raises:
        ValueError: If ``start`` or ``interval`` is below 1.
    """

    # After the losses were checked (LossGuardHook), before CheckpointHook (VERY_LOW)
    # writes: a checkpoint holds the labels that the next epoch begins with.
    priority = 'LOW'

    def __init__(
        self,
        start: int = 1,
        interval: int = 1,
        max_age: int | None = None,
        rule: dict | None = None,
    ) -> None:
        for name, value in (('start', start), ('interval', interval)):
            if value < 1:
                raise ValueError(
                    f'RelabelHook.{name} must be at least 1, but got {value}.'
                )
        self.start = start
        self.interval = interval
        self.max_age = max_age
        self.rule = RelabelRule(**(rule or {}))
        self.bank: FeatureBank | None = None

    def before_run(self, runner: Runner) -> None:
        """Makes an empty bank for the single-camera images.

        Raises:
            ValueError: If there are no single-camera images to relabel.
        """
        loop: Any = getattr(runner, '_train_loop', None)
        if not hasattr(loop, 'dataloader'):
            return
        dataset = loop.dataloader.dataset
        self.table: IdentityTable = dataset.identity_table
        rows = self.table.single_camera
        if rows.stop == rows.start:
            raise ValueError(
                'RelabelHook has nothing to relabel: train_dataloader.dataset has no '
                'single_camera source. Take the hook out of custom_hooks.'
            )
        self.video = np.asarray(dataset.video[rows])
        self.frame = np.asarray(dataset.frame[rows])
        self.truth = None if dataset.truth is None else np.asarray(dataset.truth[rows])
        self.bank = FeatureBank(rows.stop - rows.start, unwrap(runner).head.in_channels)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Keeps the momentum embeddings of the global batch."""
        assert self.bank is not None
        image_index, embeddings = unwrap(runner).head.last_batch
        rows = image_index - self.table.num_multi_camera_images
        self.bank.write(np.where(rows >= 0, rows, -1), embeddings, runner.iter)

    def after_train_epoch(self, runner: Runner) -> None:
        """Relabels if it is time."""
        epoch = runner.epoch + 1
        if epoch < self.start or (epoch - self.start) % self.interval:
            return
        assert self.bank is not None
        rows = self.table.single_camera
        before = self.table.identity[rows].copy()
        # One rank decides for all, so that no difference of rounding parts them.
        after = torch.from_numpy(before.astype(np.int64))
        report: list[Any] = [None]
        if is_main_process():
            result = relabel(
                self.bank.embedding,
                self.bank.valid(runner.iter, self.max_age),
                video=self.video,
                tracklet=self.table.original[rows],
                frame=self.frame,
                current=before,
                rule=self.rule,
                first_identity=self.table.num_multi_camera_identities,
                num_identities=self.table.num_identities,
            )
            after.copy_(torch.from_numpy(result.identity.astype(np.int64)))
            report[0] = result.report
        broadcast(after)
        broadcast_object_list(report)
        self.table.relabel(after.numpy())
        head = unwrap(runner).head
        head.follow_relabeling(before, after.numpy(), self.bank)
        head.gather()
        self._report(runner, report[0], before, after.numpy())

    def _report(
        self,
        runner: Runner,
        report: RelabelReport,
        before: np.ndarray,
        after: np.ndarray,
    ) -> None:
        scalars = {
            key: value
            for key, value in asdict(report).items()
            if key not in ('refused', 'seconds') and math.isfinite(value)
        }
        text = [f'Relabeling after epoch {runner.epoch + 1}: {report}']
        if self.truth is not None:
            original = self.table.original[self.table.single_camera]
            for name, labels in (
                ('tracker', original),
                ('before', before),
                ('after', after),
            ):
                score = score_labels(labels, self.truth, self.video)
                scalars |= {f'{key}_{name}': score[key] for key in ('f1', 'ari')}
                text.append(
                    f'    labels {name:>7}: '
                    + ', '.join(f'{key} {value:.4f}' for key, value in score.items())
                )
        level = logging.WARNING if report.refused else logging.INFO
        print_log('\n'.join(text), logger='current', level=level)
        runner.visualizer.add_scalars(
            {f'relabel/{key}': value for key, value in scalars.items()},
            step=runner.iter,
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Writes the bank into the checkpoint."""
        if self.bank is not None:
            checkpoint['feature_bank'] = self.bank.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restores the bank when a run is resumed.

        Raises:
            ValueError: If the checkpoint has no bank.
        """
        if self.bank is None or not runner._resume:
            return
        if 'feature_bank' not in checkpoint:
            raise ValueError(
                'the checkpoint has no `feature_bank`: it was made without '
                'RelabelHook and cannot be resumed with it; use `load_from`.'
            )
        self.bank.load_state_dict(checkpoint['feature_bank'])
