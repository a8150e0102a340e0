from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
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
        images (PlainImages): The training data, with the pipeline they went through.
        rows (np.ndarray): ``[k]`` rows of the images that were embedded.
        video (np.ndarray): ``[k]`` video of each.
        tracklet (np.ndarray): ``[k]`` tracklet of each.
        relabeling (Relabeling): What was done with them.
    """

    epoch: int
    images: PlainImages
    rows: np.ndarray
    video: np.ndarray
    tracklet: np.ndarray
    relabeling: Relabeling


def relabel_window(
    cfg: Config,
    checkpoint: str | Path,
    device: str | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
) -> WindowRelabeling:
    """Repairs the last window that a run had repaired before a checkpoint once more.

    Window, images and rule are those of the run; the weights are those of the
    checkpoint, so of the end of the epoch and not of its beginning.

    Args:
        cfg (Config): Of the run.
        checkpoint (str | Path): Of the run.
        device (str, optional): Defaults to None: the current GPU, or the CPU.
        batch_size (int): Defaults to 64.
        num_workers (int): Processes that load. Defaults to 0.

    Returns:
        WindowRelabeling: What was found.

    Raises:
        ValueError: If the run repaired no window before the checkpoint, or the
            checkpoint is not one of a training by this config.
    """
    cfg = deepcopy(cfg)
    # as in training: what the model does at tests alone, as flipping, is left out
    cfg.model.pop('test_cfg', None)
    inferencer = ReIDInferencer(cfg, checkpoint, device)
    hook = _relabel_hook(cfg)
    state = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')
    seed = state.get('sampler', {}).get('seed')
    epoch = state.get('meta', {}).get('epoch')
    del state
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
    pipeline = hook.pipeline or cfg.test_dataloader.dataset.pipeline
    print(f'embedding the images of the window of epoch {epoch}')
    images = PlainImages(dataset, pipeline)
    samples = inferencer.predict(
        Subset(images, rows.tolist()), batch_size, num_workers, progress=True
    )
    embedding = np.stack([sample.feature.numpy() for sample in samples])
    embedding[[sample.image_index < 0 for sample in samples]] = np.nan
    assert hook.relabeler is not None
    relabeling = hook.relabeler(embedding, **columns)
    return WindowRelabeling(
        epoch, images, rows, columns['video'], columns['tracklet'], relabeling
    )


def _relabel_hook(cfg: Config) -> RelabelHook:
    for given in cfg.get('custom_hooks') or ():
        kind = HOOKS.get(given['type'])
        if isinstance(kind, type) and issubclass(kind, RelabelHook):
            hook = HOOKS.build({k: v for k, v in given.items() if k != 'priority'})
            if hook.relabeler is not None:
                return hook
    raise ValueError('the run kept the labels of the tracker: it has no relabeling.')
