"""Embeds single-camera images before training begins."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose, default_collate
from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dynamix.datasets import MixedDataset

SECONDS_BETWEEN_LINES = 60


@dataclass(frozen=True)
class Extraction:
    """An extraction pass: which images are embedded, and how they are read.

    Args:
        pipeline (Sequence[dict]): Transforms that make one plain view of an image, as
            those of test images do.
        batch_size (int): Images at a time, of each rank. Defaults to 256.
        num_workers (int): Processes that load, of each rank. Defaults to 4.
        images_per_tracklet (int, optional): Of each tracklet so many images, spread
            over it evenly, are enough. Defaults to None: all.

    Raises:
        ValueError: If a value is out of range.
    """

    pipeline: Sequence[dict]
    batch_size: int = 256
    num_workers: int = 4
    images_per_tracklet: int | None = None

    def __post_init__(self) -> None:
        for name, least in (
            ('batch_size', 1),
            ('num_workers', 0),
            ('images_per_tracklet', 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(
                    f'RelabelHook.extract.{name} must be at least {least}, but got '
                    f'{value}.'
                )
        if not self.pipeline:
            raise ValueError(
                'RelabelHook.extract.pipeline must have transforms, as those of '
                'test_dataloader.dataset, but is empty.'
            )

    @classmethod
    def from_config(cls, options: dict[str, Any]) -> Extraction:
        """Builds it from ``RelabelHook.extract``.

        Raises:
            TypeError: If a key is unknown, or there is no ``pipeline``.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown or 'pipeline' not in options:
            raise TypeError(
                f'RelabelHook.extract must have `pipeline` and may have {known[1:]}, '
                f'but has {sorted(options)}.'
            )
        return cls(**options)

    def choose(self, tracklet: np.ndarray) -> np.ndarray:
        """``[k]`` rising positions of the images to embed.

        Args:
            tracklet (np.ndarray): ``[n]`` tracklet of each image, in order of time
                within it; -1: none, such an image is embedded.
        """
        if self.images_per_tracklet is None:
            return np.arange(len(tracklet))
        return spread_over_groups(tracklet, self.images_per_tracklet)

    def embed(
        self, model: BaseModel, dataset: MixedDataset, rows: np.ndarray
    ) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Embeds images as at inference.

        Args:
            model (BaseModel): The model, out of its wrapper; left in eval mode.
            dataset (MixedDataset): Where they are.
            rows (np.ndarray): ``[k]`` which of its images.

        Yields:
            tuple[np.ndarray, Tensor]: ``[B]`` their rows, -1 for one that could not be
            read, and ``[B, D]`` unit embeddings on the model's device.
        """
        loader = DataLoader(
            _PlainImages(dataset, rows, self.pipeline),
            self.batch_size,
            num_workers=self.num_workers,
            collate_fn=default_collate,
            pin_memory=torch.cuda.is_available(),
        )
        model.eval()
        done, begin = 0, time.perf_counter()
        said = begin
        for batch in loader:
            with torch.no_grad():
                samples = model.test_step(batch)
            yield (
                np.array([sample.image_index for sample in samples]),
                torch.stack([sample.feature for sample in samples]),
            )
            done += len(samples)
            now = time.perf_counter()
            if now - said > SECONDS_BETWEEN_LINES or done == len(rows):
                said = now
                print_log(
                    f'Embedded {done} of {len(rows)} single-camera images, '
                    f'{done / (now - begin):.0f} a second.',
                    logger='current',
                )


def spread_over_groups(group: np.ndarray, count: int) -> np.ndarray:
    """Takes at most so many of each group, evenly spread over its members.

    Args:
        group (np.ndarray): ``[n]`` integers; -1: no group, taken.
        count (int): How many of each, at least 1.

    Returns:
        np.ndarray: Rising positions.
    """
    order = np.argsort(group, kind='stable')
    _, size = np.unique(group, return_counts=True)
    place = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)
    # members are dealt to `count` bins in order; the first of each bin is taken
    length = np.repeat(size, size)
    share = place * count // length
    first = (place == 0) | (share != (place - 1) * count // length)
    return np.sort(order[first | (group[order] < 0)])


class _PlainImages(Dataset):
    def __init__(
        self, dataset: MixedDataset, rows: np.ndarray, pipeline: Sequence[dict]
    ) -> None:
        self.dataset, self.rows = dataset, rows
        self.pipeline = Compose(pipeline)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Any:
        return self.pipeline(self.dataset.get_data_info(int(self.rows[place])))
