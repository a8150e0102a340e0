"""Divides the data into blocks of whole videos, and chooses a sample of videos."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .segments import number_runs, places_in_groups

LARGEST = 1 << 16
FEWEST = 64
SAMPLE = 1 << 16
SHARE = 16


class Videos(NamedTuple):
    """The videos of a column.

    Args:
        number (np.ndarray): ``[n]`` int32: the video of each image, counted from 0 in
            order of first appearance.
        size (np.ndarray): ``[V]`` number of images of each.
    """

    number: np.ndarray
    size: np.ndarray


def number_videos(video: np.ndarray) -> Videos:
    """Numbers videos by first appearance; cheap where their images are contiguous.

    Args:
        video (np.ndarray): ``[n]`` integers.

    Returns:
        Videos: The videos.
    """
    _, first, place = number_runs(video)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    number = rank[place]
    return Videos(number, np.bincount(number, minlength=len(first)))


def block_of_videos(size: np.ndarray) -> np.ndarray:
    """Groups videos that follow each other into blocks of about equal size.

    Relabeling works block by block, so that memory is bounded and the same images
    meet in one matrix product wherever they are relabelled: on one rank or on some
    of many, the result is the same to the last bit. So blocks follow from the data
    alone: 64 or more of them if there are as many videos, of 65 536 images at most or
    of a single video.

    Args:
        size (np.ndarray): ``[V]`` number of images of each video.

    Returns:
        np.ndarray: ``[V]`` block of each video, not falling, counted from 0.
    """
    target = max(1, min(int(size.sum()) // FEWEST, LARGEST))
    start = np.cumsum(size) - size
    _, block = np.unique(start // target, return_inverse=True)
    return block


def rows_by_number(number: np.ndarray, count: int) -> list[slice | np.ndarray]:
    """Rows of each number; a slice where they are contiguous.

    Args:
        number (np.ndarray): ``[n]`` integers in ``0..count-1``.
        count (int): How many numbers.

    Returns:
        list[slice | np.ndarray]: ``count`` entries, rows rising.
    """
    ends = np.cumsum(np.bincount(number, minlength=count))
    starts = np.append(0, ends)[:-1]
    if (number[1:] >= number[:-1]).all():
        return [slice(int(a), int(b)) for a, b in zip(starts, ends)]
    order = np.argsort(number, kind='stable')
    return [order[a:b] for a, b in zip(starts, ends)]


def sample_videos(count: np.ndarray, seed: int) -> np.ndarray:
    """How many images of each video go into the sample that calibrates.

    All of them where they are not more than 65 536; else videos in an order drawn
    once, and of each no more than a sixteenth of the sample, so that no video fills
    it alone.

    Args:
        count (np.ndarray): ``[V]`` valid images of each video.
        seed (int): Draws the order.

    Returns:
        np.ndarray: ``[V]`` int64, at most ``count``.
    """
    if count.sum() <= SAMPLE:
        return count.astype(np.int64)
    taken = np.minimum(count, SAMPLE // SHARE)
    order = np.random.default_rng(seed).permutation(len(count))
    late = order[np.cumsum(taken[order]) > SAMPLE]
    taken[late] = 0
    return taken.astype(np.int64)


def sample_rows(number: np.ndarray, valid: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The first valid rows of each video, as many as are to be taken.

    Args:
        number (np.ndarray): ``[n]`` video of each row.
        valid (np.ndarray): ``[n]`` bool.
        taken (np.ndarray): ``[V]`` how many rows of each video to take.

    Returns:
        np.ndarray: Rows, sorted by video.
    """
    rows = np.flatnonzero(np.asarray(valid, bool) & (taken[number] > 0))
    order = np.argsort(number[rows], kind='stable')
    size = np.bincount(number[rows], minlength=len(taken))
    place = places_in_groups(size)
    return rows[order[place < taken[number[rows[order]]]]]
