"""How many pairs of different people are as similar as those that would be joined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of the pairs above a threshold, at most this share may be expected to be impostors.
MOST_IMPOSTORS = 1 / 3
# Tracklets of which pairs of different videos are taken.
MAX_SAMPLE = 2048


def cross_video_pairs(mean: np.ndarray, video: np.ndarray) -> np.ndarray:
    """Similarities of pairs of tracklets of different videos, nearly all impostors.

    Args:
        mean (np.ndarray): ``[n, D]`` unit vectors, centred on their videos.
        video (np.ndarray): ``[n]`` video of each.

    Returns:
        np.ndarray: ``[p]`` ascending, of at most 2048 tracklets drawn at random.
    """
    if len(mean) > MAX_SAMPLE:
        some = np.random.default_rng(0).permutation(len(mean))[:MAX_SAMPLE]
        mean, video = mean[some], video[some]
    return np.sort((mean @ mean.T)[video[:, None] < video])


def impostor_share(
    similarity: np.ndarray, across: np.ndarray, certain: np.ndarray
) -> np.ndarray:
    """Share of impostor pairs that are at least as similar as given pairs.

    Different videos may show the same people; then co-occurring pairs give the lower
    and right number.

    Args:
        similarity (np.ndarray): ``[n]`` similarities.
        across (np.ndarray): Of pairs of different videos, ascending; none: one video.
        certain (np.ndarray): Of co-occurring pairs of the video; none: not known.

    Returns:
        np.ndarray: ``[n]`` in 0..1; 1 if nothing is known.
    """
    share = np.ones(len(similarity))
    if len(across):
        share = 1 - np.searchsorted(across, similarity) / len(across)
    if len(certain):
        above = len(certain) - np.searchsorted(np.sort(certain), similarity)
        share = np.minimum(share, (above + 1) / (len(certain) + 1))
    return share


def largest_share(share: np.ndarray, count: int, most: float) -> float:
    """Largest share of impostor pairs at which enough pairs show one person.

    Of ``count`` impostor pairs, ``s * count`` are to be expected up to a share ``s``;
    of the pairs that are there, no more than ``most`` may be such (Benjamini and
    Hochberg's control of false discoveries).

    Args:
        share (np.ndarray): Of pairs that would be joined, see :func:`impostor_share`.
        count (int): Number of all pairs that may be joined.
        most (float): In 0..1.

    Returns:
        float: The share; -1 if there is none.
    """
    share = np.sort(share)
    enough = share * count <= most * np.arange(1, len(share) + 1)
    return float(share[enough].max(initial=-1))


def with_evidence(
    threshold: Sequence[float],
    pairs: Sequence[np.ndarray],
    certain: Sequence[np.ndarray],
    across: np.ndarray,
) -> list[float]:
    """Raises thresholds until enough of the pairs above them show one person.

    Where many people pass once, the most similar pairs are impostor pairs. At most a
    third of the pairs above the thresholds of all videos may be expected to be such
    (ours). In a video alone, pairs must be similar as often as its co-occurring ones.

    Args:
        threshold (Sequence[float]): Least threshold of each video.
        pairs (Sequence[np.ndarray]): Similarities of the pairs that may be joined.
        certain (Sequence[np.ndarray]): Of the co-occurring pairs; none: not known.
        across (np.ndarray): Of pairs of different videos, ascending; none: one video.

    Returns:
        list[float]: Thresholds; infinite if one would have to be above all pairs. As
        they were if nothing is known.
    """
    found = [own[own >= least] for own, least in zip(pairs, threshold)]
    share = [impostor_share(f, across, c) for f, c in zip(found, certain)]
    most = MOST_IMPOSTORS if len(across) else 1.0
    largest = largest_share(np.concatenate(share), sum(map(len, pairs)), most)
    result = list(threshold)
    for k, own in enumerate(certain):
        enough = share[k] <= largest
        if not enough.all() and len(across) + len(own):
            result[k] = float(found[k][enough].min(initial=np.inf))
    return result
