"""Thresholds from evidence that needs no labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_Q = 0.99
NUM_NEGATIVES = 1 << 19
BLOCK = 4096


class Candidates(NamedTuple):
    """Pairs of pieces of one video that are alike enough to merge.

    Args:
        edges (np.ndarray): ``[E, 2]`` pairs ``i < j``.
        threshold (float): Their least similarity; infinite if none qualifies.
    """

    edges: np.ndarray
    threshold: float


def negative_scores(vectors: np.ndarray, video: np.ndarray, seed: int) -> np.ndarray:
    """Similarities of pieces of different videos: of different people, nearly all.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        video (np.ndarray): ``[P]`` video of each.
        seed (int): Draws the pairs where there are more than half a million.

    Returns:
        np.ndarray: ``[m]`` similarities.
    """
    count = len(vectors)
    if count * (count - 1) // 2 <= NUM_NEGATIVES:
        i, j = np.triu_indices(count, 1)
    else:
        i, j = np.random.default_rng(seed).integers(0, count, (2, NUM_NEGATIVES))
    other = video[i] != video[j]
    i, j = i[other], j[other]
    result = np.empty(len(i), np.float32)
    for start in range(0, len(i), BLOCK * 4):
        part = slice(start, start + BLOCK * 4)
        result[part] = np.einsum('ij,ij->i', vectors[i[part]], vectors[j[part]])
    return result


def merge_candidates(
    vectors: np.ndarray, video: np.ndarray, negatives: np.ndarray, false_share: float
) -> Candidates:
    """Pairs within videos, cut where too many would be of different people.

    Let ``m`` pairs of pieces of one video be at least ``s`` alike, of ``M`` pairs in
    all, and a share ``g`` of the negatives. If no two pieces of a video were of one
    person, about ``g M`` pairs would pass, so at most a share ``g M / m`` of the pairs
    passing is false: the false discovery rate of Benjamini and Hochberg. The threshold
    is the lowest ``s`` where this share is at most ``false_share``.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors; pieces of one video contiguous.
        video (np.ndarray): ``[P]`` video of each, sorted.
        negatives (np.ndarray): Similarities of different people.
        false_share (float): Largest share of false pairs.

    Returns:
        Candidates: Empty, with an infinite threshold, if no ``s`` will do, as for the
        embeddings of an untrained network.
    """
    none = Candidates(np.empty((0, 2), np.int64), np.inf)
    if len(negatives) == 0:
        return none
    floor = float(np.quantile(negatives, 0.8))
    rows, columns, scores = [], [], []
    starts = np.flatnonzero(np.r_[True, video[1:] != video[:-1]])
    ends = np.append(starts[1:], len(video))
    end_of = np.repeat(ends, ends - starts)
    total = float(((ends - starts) * (ends - starts - 1.0) / 2).sum())
    begin = 0
    while begin < len(video):
        # whole videos while they fit; of a longer one, a slice of its rows
        stop = min(begin + BLOCK // 8, len(video))
        reach = int(end_of[stop - 1])
        block = vectors[begin:stop] @ vectors[begin:reach].T
        i, j = np.nonzero(block >= floor)
        keep = (j > i) & (video[i + begin] == video[j + begin])
        i, j = i[keep], j[keep]
        rows.append(i + begin)
        columns.append(j + begin)
        scores.append(block[i, j])
        begin = stop
    edges = np.stack([np.concatenate(rows), np.concatenate(columns)], 1)
    score = np.concatenate(scores)
    if len(score) == 0:
        return none
    order = np.argsort(-score, kind='stable')
    sorted_negatives = np.sort(negatives)
    above = len(negatives) - np.searchsorted(sorted_negatives, score[order], 'left')
    share = above / len(negatives) * total / np.arange(1, len(order) + 1)
    passing = np.flatnonzero(share <= false_share)
    if len(passing) == 0:
        return none
    chosen = order[: passing[-1] + 1]
    return Candidates(edges[chosen].astype(np.int64), float(score[chosen].min()))


def odd_ones(own: np.ndarray, negatives: np.ndarray, error_rate: float) -> float:
    """The score under which something does not belong to its tracklet.

    Most tracklets are pure, so the upper half of their scores, mirrored at the median,
    says how the scores of pure ones scatter however many of the others there are (up
    to half). Something is odd if its score is that low in at most ``error_rate`` of
    the pure ones, **and** as low as different people's commonly are.

    Args:
        own (np.ndarray): Scores within tracklets.
        negatives (np.ndarray): The same score between different people.
        error_rate (float): Share of the pure that may be called odd.

    Returns:
        float: The level; minus infinity if there is no evidence.
    """
    if len(own) == 0 or len(negatives) == 0:
        return -np.inf
    lower = 2 * np.median(own) - np.quantile(own, 1 - error_rate / 2)
    return float(min(lower, np.quantile(negatives, _Q)))
