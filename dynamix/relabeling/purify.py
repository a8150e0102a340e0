"""Takes a second person and strays out of tracklets.

Parts of a tracklet: 0 first person, 1 second person, 2 stray.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .segments import Cores
from .strangers import draw_strangers, odd_level

STRAY = 2
# Of smaller tracklets nothing can be said.
FEWEST = 3
DIM = 64


class PurityLevels(NamedTuple):
    """Least scores of members, at first and when all parts are known.

    Args:
        first (float): For :func:`first_parts`; minus infinity: nothing is odd.
        settled (float): For :func:`settle_parts`.
    """

    first: float
    settled: float


def calibrate_purity(
    z: np.ndarray,
    group: np.ndarray,
    video: np.ndarray,
    cost: float,
    least: int,
    seed: int,
) -> PurityLevels:
    """Finds the levels.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        group (np.ndarray): ``[m]`` tracklet of each, in ``0..T-1``, sorted.
        video (np.ndarray): ``[T]`` video of each tracklet, sorted.
        cost (float): Cost of taking out an image that belongs.
        least (int): Least images of a second person.
        seed (int): Draws the strangers.

    Returns:
        PurityLevels: The levels.
    """
    large = (np.bincount(group, minlength=len(video)) >= FEWEST)[group]
    cores = Cores(z, group, len(video))
    images, other = draw_strangers(group, video, seed)
    strangers = cores.scores(z[images], other)
    first = odd_level(cores.own_scores(z)[large], strangers, cost)
    if first == -np.inf:
        return PurityLevels(first, first)
    part = first_parts(z, group, first, least)
    kept = np.flatnonzero(part != STRAY)
    names, piece = np.unique(group[kept] * 2 + part[kept], return_inverse=True)
    cores = Cores(z[kept], piece, len(names))
    images, other = draw_strangers(piece, video[names // 2], seed)
    strangers = cores.scores(z[kept[images]], other)
    score = part_scores(z, group, part, len(video)).max(1)
    settled = odd_level(score[large], strangers, cost)
    return PurityLevels(first, settled)


def first_parts(
    z: np.ndarray, group: np.ndarray, level: float, least: int
) -> np.ndarray:
    """Divides every tracklet by its core and the core of what does not fit it.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        group (np.ndarray): ``[m]`` tracklet of each, in ``0..T-1``, sorted.
        level (float): Least score of a member.
        least (int): Least images of a second person; fewer are strays.

    Returns:
        np.ndarray: ``[m]`` int8 part of each.
    """
    count = int(group.max(initial=-1)) + 1
    large = np.bincount(group, minlength=count) >= FEWEST
    odd = Cores(z, group, count).own_scores(z) <= level
    odd &= large[group]
    part = odd.astype(np.int8) * STRAY
    if odd.any():
        fits = Cores(z[odd], group[odd], count).own_scores(z[odd]) > level
        many = np.bincount(group[odd][fits], minlength=count) >= least
        part[np.flatnonzero(odd)[fits & many[group[odd]]]] = 1
    return _keep_one(part, group, count)


def settle_parts(
    z: np.ndarray, group: np.ndarray, part: np.ndarray, level: float, least: int
) -> np.ndarray:
    """Gives every image to the part of its tracklet that it fits best.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        group (np.ndarray): ``[m]`` tracklet of each, in ``0..T-1``, sorted.
        part (np.ndarray): ``[m]`` of :func:`first_parts`.
        level (float): Least score of a member.
        least (int): Least images of a person where there are two.

    Returns:
        np.ndarray: ``[m]`` int8 part of each.
    """
    count = int(group.max(initial=-1)) + 1
    size = np.bincount(group, minlength=count)
    score = part_scores(z, group, part, count)
    result = score.argmax(1).astype(np.int8)
    result[(score.max(1) <= level) & (size >= FEWEST)[group]] = STRAY
    kept = result != STRAY
    images = np.bincount(group[kept] * 2 + result[kept], minlength=2 * count)
    images = images.reshape(-1, 2)
    two = np.all(images > 0, axis=1, keepdims=True)
    few = (images < least) & two
    result[kept & few[group, np.minimum(result, 1)]] = STRAY
    return _keep_one(result, group, count)


def part_scores(
    z: np.ndarray, group: np.ndarray, part: np.ndarray, count: int
) -> np.ndarray:
    """``[m, 2]`` scores of each image with the cores of both parts of its tracklet.

    Minus infinity for a part that has no image.
    """
    kept = np.flatnonzero(part != STRAY)
    piece = group[kept] * 2 + part[kept]
    cores = Cores(z[kept], piece, 2 * count)
    scores = np.stack([cores.scores(z, 2 * group + k) for k in (0, 1)], axis=1)
    scores[kept, part[kept]] = cores.own_scores(z[kept])
    empty = np.bincount(piece, minlength=2 * count) == 0
    scores[empty.reshape(-1, 2)[group]] = -np.inf
    return scores


def _keep_one(part: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Never drops a tracklet whole."""
    alone = np.bincount(group[part != STRAY], minlength=count) == 0
    part[alone[group]] = 0
    return part
