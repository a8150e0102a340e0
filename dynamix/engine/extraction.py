"""Embeds single-camera images before training begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose, default_collate
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dynamix.config_checks import check_keys, check_whole
from dynamix.datasets import MixedDataset
from dynamix.engine.unwrap import unwrap
from dynamix.relabeling.exchange import Exchange
from dynamix.relabeling.segments import places_in_groups

ROUNDS = 64
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
        check_whole('RelabelHook.extract.batch_size', self.batch_size, 1)
        check_whole('RelabelHook.extract.num_workers', self.num_workers, 0)
        if (some := self.images_per_tracklet) is not None:
            check_whole('RelabelHook.extract.images_per_tracklet', some, 1)
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
        if not isinstance(options, dict) or 'pipeline' not in options:
            raise TypeError(
                f'RelabelHook.extract must be a dict with `pipeline`, but is {options}.'
            )
        known = [field.name for field in fields(cls)]
        check_keys('RelabelHook.extract', options, known)
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

    def run(
        self,
        runner: Runner,
        rows: np.ndarray,
        write: Callable[[Tensor, Tensor], Any],
        exchange: Exchange,
    ) -> None:
        """Embeds images of the training data, each rank its own.

        As training embeds them, in its precision and with batches of images of all
        videos, so that the embeddings can stand beside those of later iterations. Ranks
        meet now and then, so that all end if one fails, and none waits for long.

        Args:
            runner (Runner): About to train.
            rows (np.ndarray): ``[k]`` images of this rank, in the ``MixedDataset``.
            write (Callable): Takes ``[B]`` int64 rows, -1 for an image that could not
                be read, and ``[B, D]`` unit embeddings, on the model's device.
            exchange (Exchange): The ranks; all must call this.

        Raises:
            RuntimeError: If another rank fails.
        """
        what = 'embedding single-camera images'
        lengths = np.zeros(exchange.count, np.int64)
        lengths[get_rank()] = len(rows)
        lengths = exchange.add_up(lengths, what)
        total = int(lengths.sum())
        # synchronised normalisation waits for all ranks: each has as many batches
        num_batches = -(-int(lengths.max()) // self.batch_size)
        batch_rows: Any = deal_batches(rows, num_batches, runner.seed)
        loader = DataLoader(
            _PlainImages(runner.train_dataloader.dataset, self.pipeline),
            batch_sampler=batch_rows,
            num_workers=self.num_workers,
            collate_fn=default_collate,
            pin_memory=torch.cuda.is_available(),
        )
        model = unwrap(runner)
        batches = (batch for batch in loader)
        unreadable = 0
        images = torch.zeros(2, 3, 64, 32).to(model.data_preprocessor.device)

        def read() -> tuple[np.ndarray, Tensor]:
            data = model.data_preprocessor(next(batches), False)
            samples = data['data_samples']
            return np.array([each.image_index for each in samples]), data['inputs']

        def embed_some(count: int) -> None:
            nonlocal unreadable, images
            failure: Exception | None = None
            for _ in range(count):
                if failure is None:
                    try:
                        index, images = read()
                    except Exception as error:
                        if exchange.count == 1:
                            raise
                        # synchronised normalisation of the other ranks counts on this
                        # one until all meet
                        failure = error
                        index, images = np.full(2, -1), torch.zeros_like(images[:2])
                write(torch.from_numpy(index), model.momentum_embeddings(images))
                unreadable += int((index < 0).sum())
            if failure is not None:
                raise failure

        begin = said = time.perf_counter()
        counts = np.diff(np.linspace(0, num_batches, ROUNDS + 1).astype(int)).tolist()
        with runner.optim_wrapper.optim_context(runner.model):
            for k, count in enumerate(counts):
                exchange.together(partial(embed_some, count), what)
                if time.perf_counter() - said > SECONDS_BETWEEN_LINES:
                    said = time.perf_counter()
                    _say(f'Embedded {(k + 1) / ROUNDS:.0%} of {total} images.')
        unreadable = int(exchange.add_up([unreadable], what)[0])
        text = f'Embedded {total} single-camera images before training'
        if unreadable:
            text += f' ({unreadable} of them could not be read)'
        _say(f'{text}, {time.perf_counter() - begin:.0f} s.')


def deal_batches(rows: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Deals rows to batches in random order.

    Args:
        rows (np.ndarray): ``[k]`` integers.
        count (int): Number of batches.
        seed (int): Draws the order.

    Returns:
        list[np.ndarray]: About equal batches of 2 at least, as batch normalisation
        needs; if there are too few rows, some come again, or row 0 if there are none.
    """
    if count == 0:
        return []
    order = np.random.default_rng(seed).permutation(rows)
    return np.array_split(np.resize(order, max(len(order), 2 * count)), count)


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
    place = places_in_groups(size)
    # members are dealt to `count` bins in order; the first of each bin is taken
    length = np.repeat(size, size)
    share = place * count // length
    first = (place == 0) | (share != (place - 1) * count // length)
    return np.sort(order[first | (group[order] < 0)])


def _say(text: str) -> None:
    print_log(text, logger='current')


class _PlainImages(Dataset):
    def __init__(self, dataset: MixedDataset, pipeline: Sequence[dict]) -> None:
        self.dataset = dataset
        self.pipeline = Compose(pipeline)

    def __getitem__(self, row: int) -> Any:
        return self.pipeline(self.dataset.get_data_info(int(row)))
