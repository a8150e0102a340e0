from __future__ import annotations

import heapq

import numpy as np

from .video_blocks import block_of_videos, number_videos, rows_by_number


def deal_blocks(size: np.ndarray, count: int) -> np.ndarray:
    """Deals blocks to ranks, the largest first, each to the rank that has least.

    Args:
        size (np.ndarray): ``[K]`` number of images of each block.
        count (int): Number of ranks.

    Returns:
        np.ndarray: ``[K]`` rank of each block.
    """
    owner = np.zeros(len(size), np.int64)
    load = [(0, rank) for rank in range(count)]
    for block in np.argsort(-size, kind='stable').tolist():
        images, rank = load[0]
        owner[block] = rank
        heapq.heapreplace(load, (images + int(size[block]), rank))
    return owner


class VideoSplit:
    """Which single-camera images this rank relabels and keeps the embeddings of.

    Whole blocks of whole videos are dealt to ranks, so that all have about as many
    images. Where images of a video are contiguous, as in an image table, it costs a
    few bytes a video.

    Args:
        video (np.ndarray): ``[n]`` video of each image, the same on all ranks.
        rank (int): Number of this rank. Defaults to 0.
        count (int): Number of ranks. Defaults to 1.

    Attributes:
        num_images (int): Number of images ``n`` of all ranks.
        num_videos (int): Number of videos ``V`` of all ranks.
        number (np.ndarray): ``[m]`` int32, the number in ``0..V-1`` of the video of
            each image of this rank.
        blocks (list[slice | np.ndarray]): Rows, among those of this rank, that are
            relabelled together.
    """

    def __init__(self, video: np.ndarray, rank: int = 0, count: int = 1) -> None:
        if not 0 <= rank < count:
            raise ValueError(f'rank must lie in 0..{count - 1}, but got {rank}.')
        self.rank, self.count = rank, count
        number, size = number_videos(np.asarray(video))
        self.num_images, self.num_videos = len(number), len(size)
        block_of = block_of_videos(size)
        num_blocks = int(block_of.max(initial=-1)) + 1
        owner = deal_blocks(np.bincount(block_of, size, num_blocks), count)
        mine = (owner == rank)[block_of[number]]
        edges = np.flatnonzero(np.diff(mine, prepend=False, append=False))
        # Runs of rows of this rank: [start, stop), and where they begin here.
        self._start, self._stop = edges[::2], edges[1::2]
        length = self._stop - self._start
        self._offset = np.cumsum(length) - length
        self.number = number[mine]
        own_blocks = block_of[self.number]
        names, dense = np.unique(own_blocks, return_inverse=True)
        self.blocks = rows_by_number(dense, len(names))

    def __len__(self) -> int:
        """Number of images ``m`` of this rank."""
        return len(self.number)

    @property
    def rows(self) -> np.ndarray:
        """``[m]`` int64, rising: the images of this rank, in ``0..n-1``."""
        shift = np.repeat(self._start - self._offset, self._stop - self._start)
        return np.arange(len(self)) + shift

    def local(self, rows: np.ndarray) -> np.ndarray:
        """Where images are among those of this rank.

        Args:
            rows (np.ndarray): Integers, in ``0..n-1`` or negative for no image.

        Returns:
            np.ndarray: int64, as many; -1: another rank's, or no image.
        """
        rows = np.asarray(rows, np.int64)
        if len(self._start) == 0:
            return np.full(rows.shape, -1, np.int64)
        run = np.searchsorted(self._start, rows, 'right') - 1
        here = (run >= 0) & (rows < self._stop[run])
        return np.where(here, self._offset[run] + rows - self._start[run], -1)
