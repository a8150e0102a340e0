from __future__ import annotations

import logging
import os
from functools import partial
from typing import Any

import numpy as np
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from dynamix.config_checks import check_keys, check_whole
from dynamix.engine.bank_checkpoint import BankCheckpoint
from dynamix.engine.checkpoint_schedule import check_best
from dynamix.engine.extraction import Extraction
from dynamix.engine.relabel_log import describe_report, score_stages
from dynamix.engine.relabel_scopes import relabeling_of
from dynamix.engine.resumed_settings import warn_of_changes
from dynamix.engine.unwrap import check_head, unwrap
from dynamix.registry import HOOKS
from dynamix.relabeling import (
    FeatureBank,
    LateWrite,
    Relabeling,
    TrackedImages,
    VideoSplit,
    check_tracklets,
    refuse,
)
from dynamix.relabeling.exchange import Exchange
from dynamix.structures import IdentityTable

BANK_OPTIONS = ('dtype', 'device', 'pinned', 'path')


@HOOKS.register_module()
class RelabelHook(Hook):
    """Repairs the tracker's labels between epochs, and reports on it.

    It keeps the momentum embeddings that training computes anyway in a feature bank
    and, after an epoch, hands them to the function of its scope. The new labels go into
    the identity table, where sampler and head read them; the head's memories follow.
    Of several ranks, each keeps the embeddings of its own videos.

    Scopes are ``'video'``: repairs tracklets within their video; ``'global'``: then
    merges people who appear in several videos; ``'dbscan'``: finds people within a
    video without tracklets.

    Source: DynaMix, relabeling module.

    Args:
        start (int): First epoch (counted from 1) after which labels are repaired.
            Defaults to 1.
        interval (int): Epochs from one relabeling to the next. Defaults to 1.
        max_age (int, optional): Embeddings made more than this many iterations ago do
            not vote. None lets all vote. Defaults to None.
        rule (dict, optional): Fields of :class:`~dynamix.relabeling.RelabelRule`,
            ``GlobalRule`` or ``DensityRule``, as the scope is. That of ``'global'``
            may have ``video``, a dict of fields of the first but for ``max_changed``
            and ``insist``. Defaults to None.
        bank (dict, optional): ``dtype``, ``device``, ``pinned`` and ``path`` of
            :class:`~dynamix.relabeling.FeatureBank`. ``path`` is a folder, in which
            each rank has a file of its own. Defaults to None: float16 in memory.
        scope (str): ``'video'``, ``'global'`` or ``'dbscan'``. Defaults to
            ``'video'``.
        extract (dict, optional): Embed the single-camera images before the first epoch
            and repair labels by that, too; fields of
            :class:`~dynamix.engine.extraction.Extraction`. For pre-trained weights.
            Defaults to None: the first epochs go by the tracker's labels.

    Raises:
        ValueError: If ``start`` or ``interval`` is below 1 or ``max_age`` below 0,
            there is no such scope, or a value of the rule or of ``extract`` is out of
            range.
        TypeError: If the scope's rule has no such field, ``bank`` or ``extract`` no
            such key.
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
        bank: dict | None = None,
        scope: str = 'video',
        extract: dict | None = None,
    ) -> None:
        check_whole('RelabelHook.start', start, 1)
        check_whole('RelabelHook.interval', interval, 1)
        if max_age is not None:
            check_whole('RelabelHook.max_age', max_age, 0)
        check_keys('RelabelHook.bank', bank or (), BANK_OPTIONS)
        self.start = start
        self.interval = interval
        self.max_age = max_age
        self.scope = scope
        self.relabeling = relabeling_of(scope, rule)
        rules = self.relabeling.keywords.values()
        self.settings = dict(
            scope=scope,
            start=start,
            interval=interval,
            max_age=max_age,
            rule=', '.join(map(str, rules)),
        )
        self.extraction = None if extract is None else Extraction.from_config(extract)
        self.bank_options = dict(bank or {})
        self.bank: FeatureBank | None = None
        self._arriving: LateWrite | None = None

    def before_run(self, runner: Runner) -> None:
        """Makes an empty bank for the single-camera images of this rank.

        Raises:
            ValueError: If there are no single-camera images to relabel, a tracklet
                lies in two videos, there is an ``EMAHook``, or a best checkpoint
                would be saved without a feature bank.
            TypeError: If the training data are no ``MixedDataset``, or the model has
                no head that follows a relabeling.
        """
        loop: Any = getattr(runner, '_train_loop', None)
        if not hasattr(loop, 'dataloader'):
            return
        if any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ValueError(
                'EMAHook averages the whole model, also centroid memories, whose size '
                'changes with the labels: take it out of custom_hooks. DynaMix is '
                'evaluated by an average already, model.momentum_encoder.'
            )
        check_best(runner)
        dataset = loop.dataloader.dataset
        if not isinstance(getattr(dataset, 'identity_table', None), IdentityTable):
            raise TypeError(
                'RelabelHook changes the labels of a MixedDataset, but '
                f'train_dataloader.dataset is a {type(dataset).__name__}.'
            )
        check_head(runner, 'RelabelHook', 'last_batch', 'follow_relabeling')
        self.table: IdentityTable = dataset.identity_table
        rows = self.table.single_camera
        if rows.stop == rows.start:
            raise ValueError(
                'RelabelHook has nothing to relabel: train_dataloader.dataset has no '
                'single_camera source. Take the hook out of custom_hooks.'
            )
        self.video = np.asarray(dataset.video[rows])
        self.truth = None if dataset.truth is None else np.asarray(dataset.truth[rows])
        part = loop.dataloader.sampler.composition.single_camera
        self.needed = 0 if part is None else part.num_identities
        tracklet = self.table.original[rows]
        check_tracklets(tracklet, self.video)
        self.split = VideoSplit(self.video, get_rank(), get_world_size())
        own = self.split.rows
        # What is known of this rank's images, but for their embeddings.
        self.columns = dict(
            video=self.video[own],
            tracklet=tracklet[own],
            frame=dataset.frame[rows][own],
        )
        options = dict(self.bank_options)
        if options.get('path') is not None:
            os.makedirs(options['path'], exist_ok=True)
            options['path'] = os.path.join(options['path'], f'rank_{get_rank()}.npy')
        dim = unwrap(runner).head.in_channels
        self.bank = FeatureBank(len(self.split), dim, **options)
        self.checkpoint = BankCheckpoint(self.bank, self.split)

    def before_train(self, runner: Runner) -> None:
        """Embeds images and relabels, if the config asks for it, unless resumed."""
        if self.extraction is None or runner.iter > 0:
            return
        chosen = self.extraction.choose(self.columns['tracklet'])
        rows = self.split.rows[chosen] + self.table.num_multi_camera_images
        write = partial(self._write, runner)
        self.extraction.run(runner, rows, write, Exchange(self.split.count))
        self._finish_write()
        self._relabel(runner, 'before epoch 1')

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Keeps the momentum embeddings of the global batch that are this rank's."""
        self._write(runner, *unwrap(runner).head.last_batch)

    def _write(self, runner: Runner, image_index: Tensor, embeddings: Tensor) -> None:
        assert self.bank is not None
        arriving = LateWrite(self.bank, image_index, embeddings, runner.iter)
        self._finish_write()
        self._arriving = arriving

    def _finish_write(self) -> None:
        if self._arriving is not None:
            self._arriving.finish(self._rows_of)
            self._arriving = None

    def _rows_of(self, image_index: np.ndarray) -> np.ndarray:
        return self.split.local(image_index - self.table.num_multi_camera_images)

    def after_train_epoch(self, runner: Runner) -> None:
        """Relabels if it is time; saves the bank if a checkpoint follows."""
        self._finish_write()
        epoch = runner.epoch + 1
        if epoch >= self.start and (epoch - self.start) % self.interval == 0:
            self._relabel(runner, f'after epoch {epoch}')
        self.checkpoint.save_if_due(runner)

    def _relabel(self, runner: Runner, when: str) -> None:
        before = self.table.identity[self.table.single_camera].copy()
        result = self._find_labels(runner, before)
        self.table.relabel(result.identity)
        head = unwrap(runner).head
        own = None if self.split.count == 1 else self.split.rows
        head.follow_relabeling(before, result.identity, self.bank, own)
        if is_main_process():
            self._report(runner, result, before, when)

    def _find_labels(self, runner: Runner, before: np.ndarray) -> Relabeling:
        assert self.bank is not None
        valid = self.bank.valid(runner.iter, self.max_age)
        result = self.relabeling(
            TrackedImages(self.bank.embedding, valid, **self.columns),
            self.split,
            before,
            first_identity=self.table.num_multi_camera_identities,
            num_identities=self.table.num_identities,
        )
        exchange = Exchange(self.split.count)
        counts = exchange.add_up([self.bank.num_quarantined], 'the count of bad rows')
        result.report.quarantined = int(counts[0])
        left = result.report.identities_after
        if left < self.needed:
            # the sampler would end the run, and each run resumed from here
            why = f'{left} identities would be left, but a batch takes {self.needed}'
            return refuse(result, before, why)
        return result

    def _report(
        self, runner: Runner, result: Relabeling, before: np.ndarray, when: str
    ) -> None:
        report, after = result.report, result.identity
        scalars = describe_report(report)
        text = [f'Relabeling {when}: {report}']
        if self.truth is not None:
            original = self.table.original[self.table.single_camera]
            scores, lines = score_stages(
                dict(tracker=original, before=before, after=after),
                self.truth,
                self.video,
                across=self.scope == 'global',
            )
            scalars |= scores
            text += lines
        level = logging.WARNING if report.refused else logging.INFO
        print_log('\n'.join(text), logger='current', level=level)
        runner.visualizer.add_scalars(
            {f'relabel/{key}': value for key, value in scalars.items()},
            step=runner.iter,
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Names the saved bank in the checkpoint, and what labels are repaired by."""
        if self.bank is not None:
            self.checkpoint.refer(runner, checkpoint)
        if 'feature_bank' in checkpoint:
            checkpoint['relabeling'] = dict(self.settings)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restores the bank when a run is resumed.

        Labels may be repaired by another rule from then on, with a warning.
        """
        if self.bank is not None and runner._resume:
            self.checkpoint.load(runner, checkpoint)
            before = checkpoint.get('relabeling', {})
            warn_of_changes('RelabelHook', before, self.settings)
