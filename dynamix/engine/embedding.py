"""Embeds images of the training data with the momentum encoder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose, default_collate
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dynamix.collectives import on_every_rank
from dynamix.datasets import MixedDataset
from dynamix.engine.unwrap import unwrap

SECONDS_BETWEEN_LINES = 60


class ImageEmbedder:
    """Embeds rows of a mixed data set as at inference; loader workers stay alive.

    Args:
        dataset (MixedDataset): The training data.
        pipeline (Sequence[dict]): Transforms that make one plain view, as those of
            test images. Images that cannot be read are left out.
        batch_size (int): Images in a forward, of each rank. Defaults to 256.
        num_workers (int): Loader processes of each rank. Defaults to 4.
    """

    def __init__(
        self,
        dataset: MixedDataset,
        pipeline: Sequence[dict],
        batch_size: int = 256,
        num_workers: int = 4,
    ) -> None:
        self._batches = _Batches(batch_size)
        self._loader = DataLoader(
            PlainImages(dataset, pipeline),
            batch_sampler=self._batches,
            num_workers=num_workers,
            collate_fn=default_collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=num_workers > 0,
            # its own, so that embedding leaves the global generator as it is
            generator=torch.Generator(),
        )

    @torch.no_grad()
    def embed(self, runner: Runner, rows: np.ndarray) -> Tensor:
        """Embeds images with the model in evaluation mode; each rank a share.

        Every rank must call it. The model stays in evaluation mode.

        Args:
            runner (Runner): Its model is used, in the precision of its training.
            rows (np.ndarray): ``[k]`` rows of the data set.

        Returns:
            Tensor: ``[k, D]`` float32 on the model's device, the same on all ranks;
            NaN where an image could not be read.

        Raises:
            RuntimeError: If another rank fails; its own error, if this one does.
        """
        own = slice(get_rank(), None, get_world_size())
        share = on_every_rank(
            lambda: self._embed(runner, rows[own]), 'embedding the images of a window'
        )
        whole = share.new_zeros(len(rows), share.shape[1])
        whole[own] = share
        all_reduce(whole)
        return whole

    def _embed(self, runner: Runner, rows: np.ndarray) -> Tensor:
        model = unwrap(runner)
        model.eval()
        self._batches.rows = rows
        device = model.data_preprocessor.device
        parts, done = [], 0
        printed = time.perf_counter()
        with runner.optim_wrapper.optim_context(runner.model):
            for data in self._loader:
                data = model.data_preprocessor(data, False)
                part = model(data['inputs'], mode='tensor').float()
                index = [sample.image_index for sample in data['data_samples']]
                unread = torch.tensor(index, device=part.device) < 0
                parts.append(part.masked_fill(unread[:, None], torch.nan))
                done += len(index)
                if time.perf_counter() - printed > SECONDS_BETWEEN_LINES:
                    printed = time.perf_counter()
                    text = f'Embedded {done} of {len(rows)} images of a window.'
                    print_log(text, logger='current')
        if not parts:
            return torch.empty(0, model.head.in_channels, device=device)
        return torch.cat(parts)


class _Batches:
    """Batch sampler whose rows are set before each pass."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.rows = np.empty(0, np.int64)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self.rows), self.batch_size):
            yield self.rows[start : start + self.batch_size].tolist()


class PlainImages(Dataset):
    """Images of a data set as at inference; unreadable ones have the number -1.

    Args:
        dataset (MixedDataset): The training data.
        pipeline (Sequence[dict]): Transforms that make one plain view.
    """

    def __init__(self, dataset: MixedDataset, pipeline: Sequence[dict]) -> None:
        self.dataset = dataset
        self.pipeline = Compose(
            [
                dict(step, skip_unreadable=True)
                if str(step['type']).rpartition('.')[2] == 'LoadReIDImage'
                else step
                for step in pipeline
            ]
        )

    def __getitem__(self, row: int) -> Any:
        return self.pipeline(self.dataset.get_data_info(int(row)))
