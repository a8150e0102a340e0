"""Cuts a second person off tracklets and drops what fits neither."""

from __future__ import annotations

import numpy as np

from .calibration import odd_ones
from .segments import core_vectors, own_scores, tracklet_blocks, unit
from .space import WhitenedSpace

SAMPLE = 20000


def purity_level(
    embedding: np.ndarray,
    rows: np.ndarray,
    group: np.ndarray,
    video: np.ndarray,
    space: WhitenedSpace,
    error_share: float,
    seed: int,
) -> float:
    """Calibrates the score under which an image does not belong to its tracklet.

    Args:
        embedding (np.ndarray): ``[n, D]``.
        rows (np.ndarray): ``[m]`` rows with valid embeddings, sorted by tracklet.
        group (np.ndarray): ``[m]`` tracklet of each row, sorted.
        video (np.ndarray): ``[T]`` video of each tracklet.
        space (WhitenedSpace): The space.
        error_share (float): Share of good images among those under the level.
        seed (int): Draws the strangers.

    Returns:
        float: The level; minus infinity if nothing tells members from strangers.
    """
    size = np.bincount(group)
    step = max(1, len(rows) // SAMPLE)
    chosen = (video[np.arange(len(size))] % step == 0) & (size > 2)
    pick = chosen[group]
    if not pick.any():
        return -np.inf
    names, local = np.unique(group[pick], return_inverse=True)
    z = space.project(unit(embedding[rows[pick]].astype(np.float32)))
    core = core_vectors(z, local, len(names))
    own = own_scores(z, local, core)
    # strangers: other tracklets of the same video, where strays come from
    place, owner = np.arange(len(names)), video[names]
    draw = np.random.default_rng(seed).random(len(local))
    first = np.searchsorted(owner, owner)[local]
    count = np.searchsorted(owner, owner, 'right')[local] - first
    stranger = first + (draw * (count - 1)).astype(np.int64)
    stranger += stranger >= place[local]
    known = count > 1
    strangers = own_scores(z[known], stranger[known], core)
    return odd_ones(own, strangers, error_share)


def purify(
    embedding: np.ndarray,
    rows: np.ndarray,
    group: np.ndarray,
    space: WhitenedSpace,
    level: float,
    min_images: int,
) -> np.ndarray:
    """Divides every tracklet into a first person, a second person and strays.

    The first is whoever fits the tracklet's core; of the rest, the second is whoever
    fits the core of the rest, if these are ``min_images`` or more.

    Args:
        embedding (np.ndarray): ``[n, D]``.
        rows (np.ndarray): ``[m]`` rows with valid embeddings, sorted by tracklet.
        group (np.ndarray): ``[m]`` tracklet of each row, sorted.
        space (WhitenedSpace): The space.
        level (float): Least score of a member, of :func:`purity_level`.
        min_images (int): Least images of a second person.

    Returns:
        np.ndarray: ``[m]`` int8: 0 first person, 1 second person, 2 stray.
    """
    part = np.zeros(len(rows), np.int8)
    for block in tracklet_blocks(group):
        names, local = np.unique(group[block], return_inverse=True)
        z = space.project(unit(embedding[rows[block]].astype(np.float32)))
        count = len(names)
        odd = own_scores(z, local, core_vectors(z, local, count)) < level
        result = odd.astype(np.int8) * 2
        if odd.any():
            z_odd, local_odd = z[odd], local[odd]
            core = core_vectors(z_odd, local_odd, count)
            fits = own_scores(z_odd, local_odd, core) >= level
            many = np.bincount(local_odd[fits], minlength=count) >= min_images
            result[np.flatnonzero(odd)[fits & many[local_odd]]] = 1
        # never drop a tracklet whole
        lone = np.bincount(local[result == 0], minlength=count) == 0
        result[lone[local]] = 0
        part[block] = result
    return part
