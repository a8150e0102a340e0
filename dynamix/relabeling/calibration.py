from __future__ import annotations

import numpy as np

from .grouping import (
    group_means,
    group_sums,
    rows_of_groups,
    unit,
    value_of_groups,
)

# Share of the identity matrix in the covariance within tracklets.
SHRINKAGE = 0.3
# So many groups of the mean of all videos count in the mean of a video.
PRIOR_GROUPS = 20
# With fewer co-occurring pairs, a video has no impostor pairs of its own.
FEWEST_IMPOSTORS = 10
# Embeddings say nothing if a larger share of impostor pairs is as similar as the
# median pair of one person.
MOST_OVERLAP = 0.2
# Where a video has no impostor pairs of its own.
CAREFUL_SHARE = 0.65


def centre(
    x: np.ndarray, group: np.ndarray, count: int, video: np.ndarray
) -> np.ndarray:
    """Subtracts from images the mean of their video, which is mostly its background.

    Means are over groups, shrunk towards that of all videos, the more so the fewer
    groups there are.

    Args:
        x (np.ndarray): ``[n, D]`` vectors.
        group (np.ndarray): ``[n]`` group of each, in ``0..count-1``; -1: the row is
            centred, but has no influence.
        count (int): Number of groups.
        video (np.ndarray): ``[n]`` video of each, in ``0..V-1``.

    Returns:
        np.ndarray: ``[n, D]``.
    """
    known = np.flatnonzero(group >= 0)
    means = group_means(x[known], group[known], count)
    owner = value_of_groups(video[known], group[known], count)
    videos = int(video.max()) + 1
    size = np.bincount(owner, minlength=videos)[:, None].astype(x.dtype)
    total = group_sums(means, owner, videos) + PRIOR_GROUPS * means.mean(0)
    return x - (total / (size + PRIOR_GROUPS))[video]


def whiten(
    x: np.ndarray, group: np.ndarray, count: int, video: np.ndarray
) -> np.ndarray:
    """Unit vectors after whitening by the covariance within groups.

    Directions in which images of one tracklet differ (pose, light, crop) lose weight,
    as by within-class covariance normalisation in speaker recognition.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors.
        group (np.ndarray): ``[n]`` group of each, in ``0..count-1``; -1: the row is
            transformed, but has no influence.
        count (int): Number of groups.
        video (np.ndarray): ``[n]`` video of each, in ``0..V-1``.

    Returns:
        np.ndarray: ``[n, D]``.
    """
    known = np.flatnonzero(group >= 0)
    means = group_means(x[known], group[known], count)
    inner = x[known] - means[group[known]]
    covariance = (inner.T @ inner).astype(np.float64) / max(len(inner) - count, 1)
    size = len(covariance)
    level = max(np.trace(covariance) / size, 1e-12)
    covariance *= 1 - SHRINKAGE
    covariance.flat[:: size + 1] += SHRINKAGE * level
    value, vector = np.linalg.eigh(covariance)
    matrix = (vector / np.sqrt(value)) @ vector.T
    return unit(centre(x, group, count, video) @ matrix.astype(x.dtype))


def halves(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Cosine similarity of the means of the first and the second half of each group.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors.
        group (np.ndarray): ``[n]`` group of each, in ``0..count-1``.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[count]``; not a number for a group of one.
    """
    half = np.zeros(len(x), np.int64)
    for rows in rows_of_groups(group, count):
        half[rows[len(rows) // 2 :]] = 1
    mean = unit(group_means(x, 2 * group + half, 2 * count)).reshape(count, 2, -1)
    cosine = np.einsum('ij,ij->i', mean[:, 0], mean[:, 1])
    return np.where(np.bincount(group, minlength=count) > 1, cosine, np.nan)


def between(impostor: np.ndarray, genuine: np.ndarray, share: float) -> float:
    """Threshold at a share of the way from impostor to genuine pairs.

    Args:
        impostor (np.ndarray): Similarities of pairs of different people, nearly all.
        genuine (np.ndarray): Similarities of pairs of one person, nearly all.
        share (float): 0: the median of the former; 1: the median of the latter.

    Returns:
        float: The threshold; infinite if there are no pairs of a kind or both kinds
        are alike.
    """
    if len(impostor) == 0 or len(genuine) == 0:
        return np.inf
    low, high = float(np.median(impostor)), float(np.median(genuine))
    if np.mean(impostor >= high) > MOST_OVERLAP:
        return np.inf
    return low + share * (high - low)


def impostor_pairs(
    similarity: np.ndarray, forbidden: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Similarities of pairs of different people of one video.

    Args:
        similarity (np.ndarray): ``[n, n]`` symmetric.
        forbidden (np.ndarray): ``[n, n]`` bool, symmetric: pairs that co-occur.

    Returns:
        tuple[np.ndarray, bool]: Those of co-occurring pairs and True; or, if these are
        few, those of all pairs, of which most show different people, and False.
    """
    upper = np.triu_indices(len(similarity), 1)
    pairs, certain = similarity[upper], forbidden[upper]
    if np.count_nonzero(certain) < FEWEST_IMPOSTORS:
        return pairs, False
    return pairs[certain], True


def merge_threshold(
    similarity: np.ndarray,
    forbidden: np.ndarray,
    genuine: np.ndarray,
    elsewhere: np.ndarray,
    share: float,
) -> float:
    """Mean similarity from which clusters of one video are joined.

    With impostor pairs of its own, the threshold lies ``share`` of the way from these
    to genuine pairs. Without, the median of all pairs stands for them, but at most the
    middle between genuine pairs and the impostor pairs of other videos (so that a
    video of one person merges), and the threshold lies further up, the more so the
    fewer tracklets there are.

    Args:
        similarity (np.ndarray): ``[n, n]`` symmetric.
        forbidden (np.ndarray): ``[n, n]`` bool, symmetric: pairs that co-occur.
        genuine (np.ndarray): Similarities of halves of tracklets.
        elsewhere (np.ndarray): Similarities of impostor pairs of other videos.
        share (float): In 0..1.

    Returns:
        float: The threshold; infinite if there are no pairs or both kinds are alike.
    """
    impostor, certain = impostor_pairs(similarity, forbidden)
    if len(impostor) == 0 or len(genuine) == 0:
        return np.inf
    low, high = float(np.median(impostor)), float(np.median(genuine))
    if not certain:
        share = CAREFUL_SHARE + 1 / len(similarity)
        if len(elsewhere):
            impostor = elsewhere
            low = min(low, (float(np.median(elsewhere)) + high) / 2)
    if np.mean(impostor >= high) > MOST_OVERLAP:
        return np.inf
    return low + share * (high - low)
