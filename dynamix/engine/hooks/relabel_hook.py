from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from dynamix.collectives import on_every_rank
from dynamix.config_checks import check_whole
from dynamix.datasets import MixedDataset
from dynamix.engine.embedding import ImageEmbedder
from dynamix.engine.unwrap import unwrap
from dynamix.registry import HOOKS, TASK_UTILS
from dynamix.relabeling import Relabeling, RelabelReport, score_labels
from dynamix.relabeling.window_labels import (
    label_all_images,
    name_groups,
    spread_evenly,
)


@HOOKS.register_module()
class RelabelHook(Hook):
    """Repairs the tracker's labels of an epoch's window before the epoch is drawn.

    Before an epoch, some images of each tracklet of the sampler's window are embedded
    by the momentum encoder in evaluation mode, each rank a share. Rank 0 relabels. The
    labels go into the identity table, where sampler and head read them, and the mean
    embeddings of the window's identities become their centroids.

    Source: DynaMix, relabeling module; the window is ours.

    Args:
        relabeler (dict, optional): Config of what groups the images:
            ``TrackletRelabeler``, ``DBSCANRelabeler`` or an own registered type. None
            keeps the tracker's labels and sets centroids alone. Defaults to
            ``dict(type='dynamix.TrackletRelabeler')``.
        images_per_tracklet (int, optional): Images to embed of each tracklet; None:
            all. Other images get the label of those around them. Defaults to 4.
        start (int): First epoch, counted from 1, whose window is repaired. Defaults
            to 1.
        interval (int): Every so many epochs a window is repaired. Defaults to 1.
        pipeline (Sequence[dict], optional): Transforms of the images to embed. None:
            those of ``test_dataloader.dataset``. Defaults to None.
        batch_size (int): Images in a forward, of each rank. Defaults to 256.
        num_workers (int): Loader processes of each rank. Defaults to 4.

    Raises:
        ValueError: If a number is out of range.
        TypeError: If the relabeler has no such option.
    """

    # Before EpochSeedHook (NORMAL): embedding leaves no trace in the epoch's draws.
    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        relabeler: dict | None = dict(type='dynamix.TrackletRelabeler'),  # noqa: B006
        images_per_tracklet: int | None = 4,
        start: int = 1,
        interval: int = 1,
        pipeline: Sequence[dict] | None = None,
        batch_size: int = 256,
        num_workers: int = 4,
    ) -> None:
        check_whole('RelabelHook.start', start, 1)
        check_whole('RelabelHook.interval', interval, 1)
        check_whole('RelabelHook.batch_size', batch_size, 1)
        check_whole('RelabelHook.num_workers', num_workers, 0)
        if images_per_tracklet is not None:
            check_whole('RelabelHook.images_per_tracklet', images_per_tracklet, 1)
        self.relabeler: Callable[..., Relabeling] | None = None
        if relabeler is not None:
            self.relabeler = TASK_UTILS.build(relabeler)
        self.images_per_tracklet = images_per_tracklet
        self.start, self.interval = start, interval
        self.pipeline = pipeline
        self.loading = dict(batch_size=batch_size, num_workers=num_workers)

    def before_run(self, runner: Runner) -> None:
        """Checks that data, sampler and model fit; does nothing without training.

        Raises:
            ValueError: If there are no single-camera images, no pipeline, or there is
                an ``EMAHook``.
            TypeError: If the model has no head with centroids to set.
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
        head = getattr(unwrap(runner), 'head', None)
        if not hasattr(head, 'set_centroids'):
            raise TypeError(
                'RelabelHook needs a model.head with set_centroids, as '
                f'CentroidMemoryHead has, but found {type(head).__name__}.'
            )
        dataset = loop.dataloader.dataset
        table = dataset.identity_table
        if table.num_multi_camera_images == len(table):
            raise ValueError(
                'RelabelHook has nothing to relabel: train_dataloader.dataset has no '
                'single_camera source. Take the hook out of custom_hooks.'
            )
        pipeline = self.pipeline
        if pipeline is None:
            test = runner.cfg.get('test_dataloader') or {}
            pipeline = test.get('dataset', {}).get('pipeline')
        if not pipeline:
            raise ValueError(
                'RelabelHook.pipeline must have the transforms of the images to embed: '
                'test_dataloader.dataset, whose pipeline it takes otherwise, has none.'
            )
        self.embedder = ImageEmbedder(dataset, pipeline, **self.loading)

    def before_train_epoch(self, runner: Runner) -> None:
        """Repairs the labels of the epoch's window and sets its centroids."""
        epoch = runner.epoch
        if epoch + 1 < self.start or (epoch + 1 - self.start) % self.interval:
            return
        begin = time.perf_counter()
        loader = runner.train_dataloader
        data, table = loader.dataset, loader.dataset.identity_table
        rows = np.concatenate(loader.sampler.window(epoch))
        tracklet = table.original[rows]
        position, columns = self.choose(data, rows)
        if len(position) == 0:
            return
        embedding = self.embedder.embed(runner, rows[position])
        embedded = time.perf_counter()
        result = [
            on_every_rank(lambda: self._relabel(embedding, columns), 'relabeling')
        ]
        broadcast_object_list(result)  # that of the main process
        report, group = result[0]
        names = np.union1d(tracklet, table.identity[rows])
        names = names[names >= 0]
        if group is None:
            identity = tracklet
        else:
            group = label_all_images(group, position, tracklet)
            identity = name_groups(group, tracklet, names, table.num_identities)
        table.set(rows, identity)
        unwrap(runner).head.set_centroids(identity[position], embedding, clear=names)
        if is_main_process():
            seconds = (embedded - begin, time.perf_counter() - embedded)
            self._report(runner, rows, identity, report, seconds)

    def choose(
        self, data: MixedDataset, rows: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Images of a window to embed, and the columns that the relabeler takes.

        Args:
            data (MixedDataset): The training data.
            rows (np.ndarray): ``[n]`` rows of the window.

        Returns:
            tuple[np.ndarray, dict[str, np.ndarray]]: ``[k]`` ascending positions in
            ``rows``, and ``video``, ``tracklet`` and ``frame`` of these.
        """
        tracklet = data.identity_table.original[rows]
        position = spread_evenly(tracklet, self.images_per_tracklet)
        return position, dict(
            video=np.asarray(data.video[rows[position]]),
            tracklet=tracklet[position],
            frame=np.asarray(data.frame[rows[position]]),
        )

    def _relabel(
        self, embedding: torch.Tensor, columns: dict[str, np.ndarray]
    ) -> tuple[RelabelReport | None, np.ndarray | None]:
        if self.relabeler is None or not is_main_process():
            return None, None
        result = self.relabeler(embedding.cpu().numpy(), **columns)
        return result.report, result.label

    def _report(
        self,
        runner: Runner,
        rows: np.ndarray,
        identity: np.ndarray,
        report: RelabelReport | None,
        seconds: tuple[float, float],
    ) -> None:
        text = [
            f'Window of epoch {runner.epoch + 1}: '
            + ('labels of the tracker' if report is None else str(report))
            + f'; embedded in {seconds[0]:.1f} s, relabeled in {seconds[1]:.1f} s'
        ]
        scalars: dict[str, float] = dict(time=sum(seconds))
        if report is not None:
            numbers = {k: v for k, v in asdict(report).items() if _is_number(v)}
            scalars |= numbers
            scalars.pop('seconds', None)
        data = runner.train_dataloader.dataset
        if data.truth is not None:
            truth, video = data.truth[rows], data.video[rows]
            tracker = data.identity_table.original[rows]
            for name, labels in (('tracker', tracker), ('after', identity)):
                score = score_labels(labels, truth, video)
                scalars |= {f'{k}_{name}': score[k] for k in ('f1', 'ari')}
                values = ', '.join(f'{k} {v:.4f}' for k, v in score.items())
                text.append(f'    labels {name:>7}: {values}')
        print_log('\n'.join(text), logger='current')
        runner.visualizer.add_scalars(
            {f'relabel/{key}': value for key, value in scalars.items()},
            step=runner.iter,
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
