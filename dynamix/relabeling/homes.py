"""Brings images that were taken out of their tracklet to the person they show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dynamix.structures import DROPPED

from .levels import parting_level, share_of_strangers
from .segments import Cores, in_large_groups, sort_stably
from .strangers import draw_strangers

BLOCK = 4096


class HomeLevels(NamedTuple):
    """Levels among the scores of members with their own person.

    Args:
        stray (float): Their 2 % quantile, or a lower score if that, too, parts an
            image's own person from the best other: an image without a person moves to
            one it fits so well.
        low (float): The quantile at the share of images that seem to be with the wrong
            person, at most 0.2: members that fit less well may move.
        high (float): The median: these move where they fit so well, and better.
    """

    stray: float
    low: float
    high: float


def calibrate_homes(
    z: np.ndarray,
    crowding: np.ndarray,
    person: np.ndarray,
    video: np.ndarray,
    seed: int,
) -> HomeLevels:
    """Finds the levels.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        crowding (np.ndarray): ``[m]`` crowding of each.
        person (np.ndarray): ``[m]`` person of each, in ``0..P-1``.
        video (np.ndarray): ``[P]`` video of each person, sorted.
        seed (int): Draws strangers.

    Returns:
        HomeLevels: Infinite, so that nothing moves, if no person has enough images.
    """
    cores = Cores(z, person, len(video))
    own = cores.own_scores(z) - crowding
    large = in_large_groups(person)
    own = own[large]
    if len(own) == 0:
        return HomeLevels(np.inf, -np.inf, np.inf)
    images, other = draw_strangers(person, video, seed)
    share = share_of_strangers(own, cores.scores(z[images], other) - crowding[images])
    stray, low, high = np.quantile(own, [0.02, min(share, 0.2), 0.5]).tolist()
    rows = np.flatnonzero(large)
    rows = rows[sort_stably(video[person[rows]])]
    _, best = _best_others(z, rows, person, video[person], cores.vectors, video)
    best = (best - crowding[rows])[np.isfinite(best)]
    return HomeLevels(min(stray, parting_level(own, best)), low, high)


def find_homes(
    z: np.ndarray,
    crowding: np.ndarray,
    person: np.ndarray,
    video: np.ndarray,
    frame: np.ndarray,
    levels: HomeLevels,
    elsewhere: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Moves images to other people of their video.

    No image moves to somebody who is seen elsewhere in its frame.

    Args:
        z (np.ndarray): ``[m, d]`` unit vectors of images.
        crowding (np.ndarray): ``[m]`` crowding of each.
        person (np.ndarray): ``[m]`` integers not below 0, of one video each; -1: none.
        video (np.ndarray): ``[m]`` video of each.
        frame (np.ndarray): ``[m]`` frame of each; -1: no clock.
        levels (HomeLevels): Of :func:`calibrate_homes`.
        elsewhere (tuple[np.ndarray, np.ndarray], optional): ``[k]`` person and ``[k]``
            frame of images without an embedding, who are seen there as well.

    Returns:
        np.ndarray: ``[m]`` person of each after it.
    """
    member = np.flatnonzero(person != DROPPED)
    member = member[np.lexsort((person[member], video[member]))]
    result = person.copy()
    if len(member) == 0:
        return result
    # people, numbered in order of video
    new = np.r_[True, person[member][1:] != person[member][:-1]]
    name = person[member][new]
    owner = video[member][new]
    group = np.cumsum(new) - 1
    x = np.take(z, member, axis=0)
    cores = Cores(x, group, len(name))
    score = np.full(len(z), -np.inf, np.float32)
    score[member] = cores.own_scores(x) - crowding[member]
    home = np.full(len(z), -1)
    home[member] = group
    may_move = person == DROPPED
    large = in_large_groups(group)
    may_move[member] |= large & (score[member] < levels.low)
    moving = np.flatnonzero(may_move)
    moving = moving[np.argsort(video[moving], kind='stable')]
    target, fit = _best_others(z, moving, home, video, cores.vectors, owner)
    fit -= crowding[moving]
    stray = person[moving] == DROPPED
    take = np.where(stray, fit >= levels.stray, fit >= levels.high)
    take &= (fit > score[moving]) & (target >= 0)
    moving, target, fit = moving[take], target[take], fit[take]
    seen = np.flatnonzero(home >= 0)
    who, when = home[seen], frame[seen]
    if elsewhere is not None:
        # names rise, as people are numbered in order of video
        place = np.minimum(np.searchsorted(name, elsewhere[0]), len(name) - 1)
        known = name[place] == elsewhere[0]
        who = np.concatenate([who, place[known]])
        when = np.concatenate([when, elsewhere[1][known]])
    free = _frame_is_free(target, fit, frame[moving], who, when)
    result[moving[free]] = name[target[free]]
    return result


def _best_others(
    z: np.ndarray,
    moving: np.ndarray,
    home: np.ndarray,
    video: np.ndarray,
    core: np.ndarray,
    owner: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The best other person of its video for each image, -1: none; and the score."""
    target = np.full(len(moving), -1)
    fit = np.full(len(moving), -np.inf, np.float32)
    if len(moving) == 0:
        return target, fit
    begin = np.flatnonzero(np.r_[True, np.diff(video[moving]) != 0])
    for start, end in zip(begin, np.append(begin[1:], len(moving))):
        low, high = np.searchsorted(owner, video[moving[start]] + np.arange(2))
        if low == high:
            continue
        for first in range(start, end, BLOCK):
            rows = slice(first, min(first + BLOCK, end))
            scores = z[moving[rows]] @ core[low:high].T
            own = home[moving[rows]] - low
            here = np.flatnonzero(own >= 0)
            scores[here, own[here]] = -np.inf
            best = scores.argmax(1)
            fit[rows] = scores[np.arange(len(best)), best]
            target[rows] = np.where(np.isfinite(fit[rows]), best + low, -1)
    return target, fit


def _frame_is_free(
    target: np.ndarray,
    fit: np.ndarray,
    frame: np.ndarray,
    who: np.ndarray,
    when: np.ndarray,
) -> np.ndarray:
    """Moves to people not seen in the image's frame; of several, the best."""
    clock = np.int64(max(frame.max(initial=0), when.max(initial=0))) + 1
    taken = who[when >= 0] * clock + when[when >= 0]
    # a person is of one video, so person and frame name a moment
    key = target * clock + np.maximum(frame, 0)
    order = np.lexsort((-fit, key))
    first = np.r_[True, np.diff(key[order]) != 0] if len(order) else np.empty(0, bool)
    free = np.zeros(len(target), bool)
    free[order[first]] = True
    return (free & ~np.isin(key, taken)) | (frame < 0)
