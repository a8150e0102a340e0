"""Thresholds from evidence that needs no labels."""

from __future__ import annotations

import numpy as np

NUM_NEGATIVES = 1 << 19
BLOCK = 4096
SEPARATION = 3.0
SPAN = 1.28
ROUNDING = 1e-6


def negative_scores(vectors: np.ndarray, video: np.ndarray, seed: int) -> np.ndarray:
    """Similarities of pieces of different videos: of different people, nearly all.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        video (np.ndarray): ``[P]`` video of each.
        seed (int): Draws the pieces where there are more than about a thousand.

    Returns:
        np.ndarray: ``[m]`` similarities.
    """
    count = len(vectors)
    side = int((2 * NUM_NEGATIVES) ** 0.5)
    if count <= side:
        first = second = np.arange(count)
        fresh = np.triu(np.ones((count, count), bool), 1)
    else:
        draw = np.random.default_rng(seed).permutation(count)
        first, second = np.array_split(draw[:side], 2)
        fresh = np.ones((len(first), len(second)), bool)
    fresh &= video[first][:, None] != video[second][None]
    return (vectors[first] @ vectors[second].T)[fresh]


def neighbours_null(
    negatives: np.ndarray, vectors: np.ndarray, video: np.ndarray, seed: int
) -> np.ndarray:
    """Fits the scores of strangers to people who share a video.

    Background, light and blur make strangers of one video more alike than strangers
    of two. Most pairs of one video are strangers, so the lower half of their scores
    shows where strangers lie (an empirical null): the negatives are moved and, if
    need be, stretched to agree with it.

    Args:
        negatives (np.ndarray): Similarities of pieces of different videos.
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        video (np.ndarray): ``[P]`` video of each, sorted.
        seed (int): Draws pairs within videos.

    Returns:
        np.ndarray: Similarities, as many.
    """
    first = np.searchsorted(video, video)
    count = np.searchsorted(video, video, 'right') - first
    draws = max(1, NUM_NEGATIVES // 8 // max(len(video), 1))
    piece = np.tile(np.flatnonzero(count > 1), draws)
    if len(piece) == 0 or len(negatives) == 0:
        return negatives
    draw = np.random.default_rng(seed).random(len(piece))
    mate = first[piece] + (draw * (count[piece] - 1)).astype(np.int64)
    mate += mate >= piece
    near = np.concatenate(
        [
            np.einsum('ij,ij->i', vectors[a], vectors[b])
            for a, b in zip(
                np.array_split(piece, max(1, len(piece) // BLOCK)),
                np.array_split(mate, max(1, len(piece) // BLOCK)),
            )
        ]
    )
    low, middle = np.quantile(near, [0.1, 0.4])
    far_low, far_middle = np.quantile(negatives, [0.1, 0.4])
    stretch = max(1.0, (middle - low) / max(far_middle - far_low, 1e-9))
    return middle + stretch * (negatives - far_middle)


def pairs_above(
    vectors: np.ndarray, video: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pieces of one video that are alike.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors; pieces of one video contiguous.
        video (np.ndarray): ``[P]`` video of each, sorted.
        threshold (float): Least similarity.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[E, 2]`` int64 pairs ``i < j`` and their
        ``[E]`` similarities.
    """
    rows, columns, scores = [], [], []
    size, _ = _sizes(video)
    end_of = np.repeat(np.cumsum(size), size)
    begin = 0
    while begin < len(video):
        # whole videos while they fit; of a longer one, a slice of its rows
        stop = min(begin + BLOCK // 8, len(video))
        reach = int(end_of[stop - 1])
        block = vectors[begin:stop] @ vectors[begin:reach].T
        i, j = np.nonzero(block >= threshold)
        keep = (j > i) & (video[i + begin] == video[j + begin])
        i, j = i[keep], j[keep]
        rows.append(i + begin)
        columns.append(j + begin)
        scores.append(block[i, j])
        begin = stop
    if not rows:
        return np.empty((0, 2), np.int64), np.empty(0, vectors.dtype)
    edges = np.stack([np.concatenate(rows), np.concatenate(columns)], 1)
    return edges.astype(np.int64), np.concatenate(scores)


def _sizes(video: np.ndarray) -> tuple[np.ndarray, float]:
    """Pieces of each video, and number of pairs within videos."""
    size = np.unique(video, return_counts=True)[1]
    return size, float((size * (size - 1.0) / 2).sum())


def merge_threshold(
    vectors: np.ndarray,
    video: np.ndarray,
    negatives: np.ndarray,
    false_share: float,
    false_rate: float,
) -> float:
    """The similarity under which too many merges would be of different people.

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
        false_rate (float): Largest share of the negatives at or above the threshold.

    Returns:
        float: Infinite, if no ``s`` will do, as for the embeddings of an untrained
        network.
    """
    if len(negatives) == 0:
        return np.inf
    floor = float(np.quantile(negatives, 1 - false_rate))
    _, score = pairs_above(vectors, video, floor)
    score = -np.sort(-score)
    above = len(negatives) - np.searchsorted(np.sort(negatives), score, 'left')
    _, total = _sizes(video)
    share = above / len(negatives) * total / np.arange(1, len(score) + 1)
    passing = np.flatnonzero(share <= false_share)
    # a little less: the pair itself must pass, however its product is rounded later
    return float(score[passing[-1]]) - ROUNDING if len(passing) else np.inf


def odd_ones(own: np.ndarray, strangers: np.ndarray, error_share: float) -> float:
    """The score under which an image does not belong to its tracklet.

    Few members score as low as the lower quarter of strangers do, so four times the
    share of members that do is the share of strangers among the members. The level
    is the highest under which at most ``error_share`` of the members are not
    strangers by that count.

    Nothing is odd unless members and strangers stand apart: three standard deviations
    below the middle member, no stranger but the nearest tenth is found. Deviations
    are those of the members' upper half, which strangers do not reach, and of the
    strangers' lower half, free of other tracklets of the same person.

    Args:
        own (np.ndarray): Scores of members.
        strangers (np.ndarray): Scores of images with tracklets they are not in.
        error_share (float): Largest share of members among those called odd.

    Returns:
        float: The level; minus infinity if there is no evidence.
    """
    if len(own) == 0 or len(strangers) == 0:
        return -np.inf
    lower, quarter, typical = np.quantile(strangers, [0.16, 0.25, 0.5])
    near = typical + SPAN * (typical - lower)
    middle, upper = np.quantile(own, [0.5, 0.84])
    if middle - SEPARATION * (upper - middle) < near:
        return -np.inf
    odd_share = min(4 * np.mean(own <= quarter), 0.5)
    levels = np.sort(own[own <= np.median(own)])
    under = np.arange(1, len(levels) + 1) / len(own)
    strange = np.searchsorted(np.sort(strangers), levels, 'right') / len(strangers)
    passing = np.flatnonzero(odd_share * strange >= (1 - error_share) * under)
    return float(levels[passing[-1]]) if len(passing) else -np.inf
