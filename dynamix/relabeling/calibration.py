from __future__ import annotations

import numpy as np

from .grouping import group_means, unit

# Share of the identity matrix in the covariance within tracklets.
SHRINKAGE = 0.1
# With fewer impostor pairs of its own, all pairs of a video stand for them.
FEWEST_IMPOSTORS = 5


def centre(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Unit vectors after subtracting the mean over groups.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors.
        group (np.ndarray): ``[n]`` group of each, in ``0..count-1``.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[n, D]``.
    """
    return unit(x - group_means(x, group, count).mean(0))


def whiten(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Unit vectors after whitening by the covariance within groups.

    Directions in which images of one tracklet differ (pose, light, crop) lose weight,
    as by within-class covariance normalisation in speaker recognition.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors.
        group (np.ndarray): ``[n]`` group of each, in ``0..count-1``.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[n, D]``.
    """
    means = group_means(x, group, count)
    inner = x - means[group]
    covariance = (inner.T @ inner).astype(np.float64) / max(len(x) - count, 1)
    size = len(covariance)
    level = max(np.trace(covariance) / size, 1e-12)
    covariance *= 1 - SHRINKAGE
    covariance.flat[:: size + 1] += SHRINKAGE * level
    value, vector = np.linalg.eigh(covariance)
    matrix = (vector / np.sqrt(value)) @ vector.T
    return unit((x - means.mean(0)) @ matrix.astype(x.dtype))


def between(impostor: np.ndarray, genuine: np.ndarray, share: float) -> float:
    """Threshold at a share of the way from impostor to genuine pairs.

    Args:
        impostor (np.ndarray): Similarities of pairs of different people, nearly all.
        genuine (np.ndarray): Similarities of pairs of one person, nearly all.
        share (float): 0: the median of the former; 1: the median of the latter.

    Returns:
        float: The threshold; infinite if there are none of a kind.
    """
    if len(impostor) == 0 or len(genuine) == 0:
        return np.inf
    low, high = float(np.median(impostor)), float(np.median(genuine))
    return low + share * (high - low)


def impostor_pairs(similarity: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """Similarities of pairs of different people of one video, nearly all.

    Args:
        similarity (np.ndarray): ``[n, n]`` symmetric.
        forbidden (np.ndarray): ``[n, n]`` bool, symmetric: pairs that exist at the
            same time.

    Returns:
        np.ndarray: Those of the forbidden pairs; of all pairs if these are few.
    """
    upper = np.triu_indices(len(similarity), 1)
    all_pairs, certain = similarity[upper], forbidden[upper]
    if np.count_nonzero(certain) < FEWEST_IMPOSTORS:
        return all_pairs
    return all_pairs[certain]


def halves(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Similarity of the first and the second half of each group.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors.
        group (np.ndarray): ``[n]`` group of each, in ``0..count-1``.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[count]``; not a number for a group of one.
    """
    size = np.bincount(group, minlength=count)
    order = np.argsort(group, kind='stable')
    place = np.empty(len(group), np.int64)
    place[order] = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)
    late = place * 2 >= size[group]
    mean = unit(group_means(x, 2 * group + late, 2 * count)).reshape(count, 2, -1)
    cosine = np.einsum('ij,ij->i', mean[:, 0], mean[:, 1])
    return np.where(size > 1, cosine, np.nan)
