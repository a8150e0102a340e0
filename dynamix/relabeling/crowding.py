"""How alike something is to whoever is there."""

from __future__ import annotations

import numpy as np

# Area over the ROC curve of strays on real tracklets about halved, for 3 to 8 and a
# weight of 0.5 to 1.
NEAREST = 4
WEIGHT = 0.5
# Of a longer video, so many are looked at.
MOST = 256
BLOCK = 4096


def crowding(
    x: np.ndarray,
    video: np.ndarray,
    others: np.ndarray,
    owner: np.ndarray,
    own: np.ndarray,
    score: np.ndarray,
) -> np.ndarray:
    """Half the mean similarity to the four most alike of a video.

    A blurred or half hidden image is like nobody, not even itself a moment later; one
    in common clothes is like everybody. So what a similarity says depends on whom else
    there is: less its crowding it tells people apart better than alone. Such local
    scaling corrects hubs in retrieval across domains (CSLS, Conneau et al., 2018), with
    weight 1 and across all data; ours stays within a video. Where fewer than four are
    there, or they are less alike than the average, the missing count 0, which is what
    strangers score on average in a centred space.

    Args:
        x (np.ndarray): ``[m, d]`` unit vectors.
        video (np.ndarray): ``[m]`` video of each, sorted.
        others (np.ndarray): ``[G, d]`` unit vectors to compare with.
        owner (np.ndarray): ``[G]`` video of these, sorted.
        own (np.ndarray): ``[m]`` which of the others is its own.
        score (np.ndarray): ``[m]`` similarity with its own, taken instead of the
            product.

    Returns:
        np.ndarray: ``[m]`` not below 0, of the type of ``x``.
    """
    result = np.zeros(len(x), x.dtype)
    if len(x) == 0:
        return result
    begin = np.flatnonzero(np.r_[True, np.diff(video) != 0])
    end = np.append(begin[1:], len(x))
    low = np.searchsorted(owner, video[begin])
    high = np.searchsorted(owner, video[begin], 'right')
    for start, stop, first, last in zip(begin, end, low, high):
        step = -(-(last - first) // MOST)
        there = others[first:last:step]
        nearest = min(NEAREST, len(there))
        for at in range(start, stop, BLOCK):
            rows = slice(at, min(at + BLOCK, stop))
            scores = np.maximum(x[rows] @ there.T, 0)
            column, rest = np.divmod(own[rows] - first, step)
            here = np.flatnonzero(rest == 0)
            scores[here, column[here]] = np.maximum(score[rows][here], 0)
            scores.partition(len(there) - nearest, axis=1)
            best = scores[:, len(there) - nearest :]
            result[rows] = best.sum(1) * (WEIGHT / NEAREST)
    return result
