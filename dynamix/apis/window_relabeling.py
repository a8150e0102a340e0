from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch.utils.data import Subset

from dynamix.datasets import MixedDataset
from dynamix.engine.embedding import PlainImages
from dynamix.engine.hooks import RelabelHook
from dynamix.registry import DATA_SAMPLERS, DATASETS, HOOKS
from dynamix.relabeling import Relabeling

from .reid_inferencer import ReIDInferencer


class WindowRelabeling(NamedTuple):
    """A window of a run, relabeled again.

    Args:
        epoch (int): That of the window, from 1.
        dataset (MixedDataset): The training data.
        rows (np.ndarray): ``[k]`` rows of the images that were embedded.
        video (np.ndarray): ``[k]`` video of each.
        tracklet (np.ndarray): ``[k]`` tracklet of each.
        relabeling (Relabeling): What was done with them.
    """

    epoch: int
    dataset: MixedDataset
    rows: np.ndarray
    video: np.ndarray
    tracklet: np.ndarray
    relabeling: Relabeling


def relabel_window(
    cfg: Config, checkpoint: Path, inferencer: ReIDInferencer, **loading: Any
) -> WindowRelabeling:
    """Repairs the last window that a run had repaired before a checkpoint once more.

    Window, images and rule are those of the run; the weights are those of the
    checkpoint, so of the end of the epoch and not of its beginning.

    Args:
        cfg (Config): Of the run.
        checkpoint (Path): Of the run.
        inferencer (ReIDInferencer): Has the checkpoint's model.
        **loading: ``batch_size`` and ``num_workers``.

    Raises:
        ValueError: If the run repaired no window before the checkpoint, or the
            checkpoint is not one of a training by this config.
    """
    hook = _relabel_hook(cfg)
    # not its weights, which are in the inferencer already
    try:
        state = torch.load(checkpoint, 'cpu', mmap=True, weights_only=True)
    except (RuntimeError, UnpicklingError) as error:
        raise ValueError(
            f'{checkpoint} holds more than tensors and plain types, so its epoch and '
            'seed cannot be read.'
        ) from error
    seed = state.get('sampler', {}).get('seed')
    epoch = state.get('meta', {}).get('epoch')
    if seed is None or epoch is None:
        raise ValueError(f'{checkpoint} has no epoch and seed of a training.')
    if epoch < hook.start:
        raise ValueError(
            f'relabeling begins at epoch {hook.start}, but {checkpoint} is of the end '
            f'of epoch {epoch}.'
        )
    epoch -= (epoch - hook.start) % hook.interval
    dataset: MixedDataset = DATASETS.build(cfg.train_dataloader.dataset)
    sampler = DATA_SAMPLERS.build(
        cfg.train_dataloader.sampler, default_args=dict(dataset=dataset, seed=seed)
    )
    window = sampler.window(epoch - 1)
    if not window:
        raise ValueError('there are no single-camera data to relabel.')
    rows = np.concatenate(window)
    position, columns = hook.choose(dataset, rows)
    rows = rows[position]
    if cfg.model.get('test_cfg'):
        # as in training: without what the model does at tests alone, as flipping
        cfg = deepcopy(cfg)
        cfg.model.pop('test_cfg')
        inferencer = ReIDInferencer(cfg, checkpoint, inferencer.device)
    print(f'embedding the images of the window of epoch {epoch}')
    images = PlainImages(dataset, hook.pipeline or cfg.test_dataloader.dataset.pipeline)
    samples = inferencer.predict(
        Subset(images, rows.tolist()), **loading, progress=True
    )
    embedding = np.stack([sample.feature.numpy() for sample in samples])
    embedding[[sample.image_index < 0 for sample in samples]] = np.nan
    assert hook.relabeler is not None
    relabeling = hook.relabeler(embedding, **columns)
    return WindowRelabeling(
        epoch, dataset, rows, columns['video'], columns['tracklet'], relabeling
    )


def _relabel_hook(cfg: Config) -> RelabelHook:
    for given in cfg.get('custom_hooks') or ():
        kind = HOOKS.get(given['type'])
        if isinstance(kind, type) and issubclass(kind, RelabelHook):
            hook = HOOKS.build({k: v for k, v in given.items() if k != 'priority'})
            if hook.relabeler is not None:
                return hook
    raise ValueError('the run kept the labels of the tracker: it has no relabeling.')
