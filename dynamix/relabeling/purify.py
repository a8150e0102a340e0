"""Takes a second person and strays out of tracklets.

Parts of a tracklet: 0 first person, 1 second person, 2 stray.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .crowding import crowding
from .levels import odd_level
from .segments import Cores, in_large_groups
from .strangers import draw_strangers

STRAY = 2
DIM = 64
CALM = 0.02


class PurityLevels(NamedTuple):
    """Least scores of members, at first and when all parts are known.

    Args:
        first (float): For :func:`first_parts`; minus infinity: nothing is odd.
        settled (float): For :func:`settle_parts`.
    """

    first: float
    settled: float


class ScoredImages(NamedTuple):
    """Images and how well they fit their tracklets.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        group (np.ndarray): ``[m]`` tracklet of each, in ``0..T-1``, sorted.
        video (np.ndarray): ``[T]`` video of each tracklet, sorted.
        fit (np.ndarray): ``[m]`` similarity with the core of its tracklet, without
            itself, less ``crowding``.
        crowding (np.ndarray): ``[m]`` of :func:`crowding`, by the cores of the video,
            at least ``least_crowding``.
        least_crowding (float): A crop of nobody is unlike everybody. So that this does
            not excuse it, no crowding is below the 2 % quantile of that of images that
            fit their tracklet better than half of all do.
    """

    z: np.ndarray
    group: np.ndarray
    video: np.ndarray
    fit: np.ndarray
    crowding: np.ndarray
    least_crowding: float

    @property
    def large(self) -> np.ndarray:
        """``[m]`` bool: whether its tracklet is large enough to tell."""
        return in_large_groups(self.group)


def score_images(
    z: np.ndarray,
    group: np.ndarray,
    video: np.ndarray,
    least_crowding: float | None = None,
) -> ScoredImages:
    """Compares images with the cores of the tracklets of their video.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        group (np.ndarray): ``[m]`` tracklet of each, in ``0..T-1``, sorted.
        video (np.ndarray): ``[T]`` video of each tracklet, sorted.
        least_crowding (float, optional): As found on a sample of the data. Defaults
            to None: these images are the sample, at least one.

    Returns:
        ScoredImages: With scores.
    """
    cores = Cores(z, group, len(video))
    own = cores.own_scores(z)
    crowd = crowding(z, video[group], cores.vectors, video, group, own)
    if least_crowding is None:
        least_crowding = _least_crowding(own, crowd, group)
    crowd = np.maximum(crowd, np.asarray(least_crowding, crowd.dtype))
    return ScoredImages(z, group, video, own - crowd, crowd, least_crowding)


def _least_crowding(own: np.ndarray, crowd: np.ndarray, group: np.ndarray) -> float:
    # an image that is alone in the core of its tracklet fits itself
    large = in_large_groups(group)
    if not large.any():
        return 0.0
    well = large & (own >= np.median(own[large]))
    return float(np.quantile(crowd[well], CALM))


def calibrate_purity(
    images: ScoredImages, cost: float, least: int, seed: int
) -> PurityLevels:
    """Finds the levels.

    Args:
        images (ScoredImages): Images of tracklets.
        cost (float): Cost of taking out an image that belongs.
        least (int): Least images of a second person.
        seed (int): Draws the strangers.

    Returns:
        PurityLevels: The levels.
    """
    z, group, video, fit, crowd, _ = images
    cores = Cores(z, group, len(video))
    some, other = draw_strangers(group, video, seed)
    strangers = cores.scores(z[some], other) - crowd[some]
    first = odd_level(fit[images.large], strangers, cost)
    if first == -np.inf:
        return PurityLevels(first, first)
    part = first_parts(images, first, least)
    kept = np.flatnonzero(part != STRAY)
    names, piece = np.unique(group[kept] * 2 + part[kept], return_inverse=True)
    cores = Cores(z[kept], piece, len(names))
    some, other = draw_strangers(piece, video[names // 2], seed)
    strangers = cores.scores(z[kept[some]], other) - crowd[kept[some]]
    fit = part_fits(images, part).max(1)
    settled = odd_level(fit[images.large], strangers, cost)
    return PurityLevels(first, settled)


def first_parts(images: ScoredImages, level: float, least: int) -> np.ndarray:
    """Divides every tracklet by its core and the core of what does not fit it.

    Args:
        images (ScoredImages): Images of tracklets.
        level (float): Least fit of a member.
        least (int): Least images of a second person; fewer are strays.

    Returns:
        np.ndarray: ``[m]`` int8 part of each.
    """
    z, group, video, fit, crowd, _ = images
    count = len(video)
    odd = images.large & (fit <= level)
    part = odd.astype(np.int8) * STRAY
    if odd.any():
        second = Cores(z[odd], group[odd], count).own_scores(z[odd]) - crowd[odd]
        fits = second > level
        many = np.bincount(group[odd][fits], minlength=count) >= least
        part[np.flatnonzero(odd)[fits & many[group[odd]]]] = 1
    return _keep_one(part, group, count)


def settle_parts(
    images: ScoredImages, part: np.ndarray, level: float, least: int
) -> np.ndarray:
    """Gives every image to the part of its tracklet that it fits best.

    Args:
        images (ScoredImages): Images of tracklets.
        part (np.ndarray): ``[m]`` of :func:`first_parts`.
        level (float): Least fit of a member.
        least (int): Least images of a person where there are two.

    Returns:
        np.ndarray: ``[m]`` int8 part of each.
    """
    group, count = images.group, len(images.video)
    fit = part_fits(images, part)
    result = fit.argmax(1).astype(np.int8)
    result[(fit.max(1) <= level) & images.large] = STRAY
    kept = result != STRAY
    size = np.bincount(group[kept] * 2 + result[kept], minlength=2 * count)
    size = size.reshape(-1, 2)
    two = np.all(size > 0, axis=1, keepdims=True)
    few = (size < least) & two
    result[kept & few[group, np.minimum(result, 1)]] = STRAY
    return _keep_one(result, group, count)


def part_fits(images: ScoredImages, part: np.ndarray) -> np.ndarray:
    """``[m, 2]`` how well each image fits the cores of both parts of its tracklet.

    Minus infinity for a part that has no image.
    """
    z, group, video, _, crowd, _ = images
    kept = np.flatnonzero(part != STRAY)
    piece = group[kept] * 2 + part[kept]
    cores = Cores(np.take(z, kept, axis=0), piece, 2 * len(video))
    filled = np.bincount(piece, minlength=2 * len(video)) > 0
    fits = np.full((len(z), 2), -np.inf, z.dtype)
    for k in (0, 1):
        has = np.flatnonzero(filled[2 * group + k])
        fits[has, k] = cores.scores(np.take(z, has, axis=0), 2 * group[has] + k)
    fits[kept, part[kept]] = cores.without_themselves(fits[kept, part[kept]])
    return fits - crowd[:, None]


def _keep_one(part: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Never drops a tracklet whole."""
    alone = np.bincount(group[part != STRAY], minlength=count) == 0
    part[alone[group]] = 0
    return part
