"""From groups of embedded images to identities of all images of a window."""

from __future__ import annotations

import numpy as np


def spread_evenly(tracklet: np.ndarray, count: int | None) -> np.ndarray:
    """Chooses up to ``count`` images of each tracklet, evenly spread over it.

    Args:
        tracklet (np.ndarray): ``[n]`` integers, images of one in order of time; -1:
            none, not chosen.
        count (int, optional): Images of each tracklet; None: all.

    Returns:
        np.ndarray: ``[k]`` ascending positions.
    """
    order = np.argsort(tracklet, kind='stable')
    order = order[np.searchsorted(tracklet[order], 0) :]
    if count is None or len(order) == 0:
        return np.sort(order)
    _, start, size = np.unique(tracklet[order], return_index=True, return_counts=True)
    # the middle of each of `count` equal parts
    part = (np.arange(count) + 0.5) / count
    chosen = start[:, None] + (size[:, None] * part).astype(np.int64)
    return np.sort(order[np.unique(chosen)])


def label_all_images(
    group: np.ndarray, position: np.ndarray, tracklet: np.ndarray
) -> np.ndarray:
    """Extends groups of embedded images to the other images of their tracklets.

    An image between two embedded images of one group is of that group; one before
    the first or after the last of its tracklet is of theirs. Between images of two
    groups the place of the switch is unknown: such images get none. Embedded images
    without a group do not count as neighbours.

    Args:
        group (np.ndarray): ``[k]`` group of each embedded image; -1: outlier.
        position (np.ndarray): ``[k]`` ascending positions among the ``n`` images.
        tracklet (np.ndarray): ``[n]`` integers, images of one in order of time.

    Returns:
        np.ndarray: ``[n]`` group of each image; -1: none.
    """
    label = np.full(len(tracklet), -1, np.int64)
    label[position] = group
    outlier = np.zeros(len(tracklet), bool)
    outlier[position[group < 0]] = True
    order = np.argsort(tracklet, kind='stable')
    known, inside = label[order], tracklet[order]
    place = np.arange(len(order))
    before = np.maximum.accumulate(np.where(known >= 0, place, -1))
    after = np.minimum.accumulate(np.where(known >= 0, place, len(order))[::-1])[::-1]
    has_before = before >= 0
    has_before[has_before] = (inside[before] == inside)[has_before]
    has_after = after < len(order)
    after = np.minimum(after, len(order) - 1)
    has_after[has_after] = (inside[after] == inside)[has_after]
    left = np.where(has_before, known[before], -1)
    right = np.where(has_after, known[after], -1)
    left, right = np.where(has_before, left, right), np.where(has_after, right, left)
    result = np.empty_like(label)
    result[order] = np.where(left == right, left, -1)
    result[outlier | (tracklet < 0)] = -1
    return result


def name_groups(
    group: np.ndarray, tracklet: np.ndarray, names: np.ndarray, first_new: int
) -> np.ndarray:
    """Gives each group the number of a tracklet, so that identities stay few.

    The number of the tracklet with most images of the group is taken where no larger
    overlap claims it; then numbers of ``names`` that are left; then new ones.

    Args:
        group (np.ndarray): ``[n]`` groups ``0..G-1``; -1: none.
        tracklet (np.ndarray): ``[n]`` integers.
        names (np.ndarray): Numbers that may be given, those of the tracklets included.
        first_new (int): First number that no identity has yet.

    Returns:
        np.ndarray: ``[n]`` int64 identities; -1: none.
    """
    named = group >= 0
    pairs, count = np.unique(
        np.stack([group[named], tracklet[named]], 1), axis=0, return_counts=True
    )
    name: dict[int, int] = {}
    taken: set[int] = set()
    for k in np.argsort(-count, kind='stable').tolist():
        one, number = pairs[k].tolist()
        if one not in name and number not in taken:
            name[one] = number
            taken.add(number)
    spare = iter(np.setdiff1d(names, list(taken)).tolist())
    for one in np.unique(pairs[:, 0]).tolist():
        if one not in name:
            name[one] = next(spare, first_new)
            first_new += name[one] == first_new
    result = np.full(len(group), -1, np.int64)
    result[named] = np.array([name[one] for one in group[named].tolist()], np.int64)
    return result
