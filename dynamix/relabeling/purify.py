from __future__ import annotations

import numpy as np

from .calibration import between, impostor_pairs
from .grouping import group_sums, rows_of_groups, unit
from .linkage import link

# Least images of a person in a tracklet that is divided, or half of the tracklet.
MIN_IMAGES = 3
MIN_SHARE = 0.1
# From impostor to genuine pairs: what an image must reach to join another tracklet's
# person. Persons of its own tracklet are that far ahead.
STRAY_SHARE = 0.5
# Of the changes between parts that a random order of images has.
MOST_CHANGES = 0.5


def image_threshold(
    mean: np.ndarray,
    size: np.ndarray,
    forbidden: np.ndarray,
    across: np.ndarray,
    share: float,
) -> float:
    """Mean similarity of image pairs from which images of a tracklet stay together.

    Args:
        mean (np.ndarray): ``[n, D]`` mean unit vector of each tracklet of one video.
        size (np.ndarray): ``[n]`` images of each, at least 1.
        forbidden (np.ndarray): ``[n, n]`` bool: tracklets that co-occur.
        across (np.ndarray): Mean similarities of tracklets of different videos. Where
            few tracklets co-occur, these or all pairs of the video are the impostor
            pairs, whichever are less similar: a video may show one person alone.
        share (float): Where it lies between impostor and genuine pairs, in 0..1.

    Returns:
        float: The threshold; minus infinity if there is nothing to compare with.
    """
    # the product of two means is the mean over all pairs of images
    similarity = mean @ mean.T
    several = size > 1
    own = similarity.diagonal()[several]
    # without the pairs of an image with itself
    own = (own * size[several] - 1) / (size[several] - 1)
    genuine = np.repeat(own, size[several])
    impostor, certain = impostor_pairs(similarity, forbidden)
    alone = len(across) == 0 or len(impostor) == 0
    if not certain and (alone or np.median(across) < np.median(impostor)):
        impostor = across
    level = between(impostor, genuine, share)
    return level if np.isfinite(level) else -np.inf


def split_tracklets(
    x: np.ndarray, tracklet: np.ndarray, count: int, threshold: np.ndarray
) -> np.ndarray:
    """Divides tracklets into parts of one person each, and strays.

    Images of a tracklet are joined by average linkage. Of the clusters, those with at
    least three images and a tenth of the tracklet, or half of the tracklet, are parts;
    other images are strays. A tracklet without such a cluster, or whose parts
    :func:`alternate <alternates>`, stays whole.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors of images, those of a tracklet in order
            of time.
        tracklet (np.ndarray): ``[n]`` tracklet of each, in ``0..count-1``.
        count (int): Number of tracklets.
        threshold (np.ndarray): ``[count]`` least mean similarity within a part.

    Returns:
        np.ndarray: ``[n]`` part of each image, numbered over all tracklets from 0;
        -1: stray.
    """
    part = np.full(len(x), -1, np.int64)
    parts = 0
    for rows, level in zip(rows_of_groups(tracklet, count), threshold):
        similarity = x[rows] @ x[rows].T
        if len(rows) < MIN_IMAGES or similarity.min() >= level:
            # nothing can stay apart
            part[rows] = parts
            parts += 1
            continue
        cluster = link(similarity, level)
        least = min(max(MIN_IMAGES, MIN_SHARE * len(rows)), len(rows) / 2)
        large = np.bincount(cluster)[cluster] >= least
        if not large.any() or alternates(cluster[large]):
            cluster[:], large[:] = 0, True
        names, number = np.unique(cluster[large], return_inverse=True)
        part[rows[large]] = parts + number
        parts += len(names)
    return part


def alternates(part: np.ndarray) -> bool:
    """Whether parts of a tracklet alternate in time as views of one person do.

    A tracklet passes to another person at a moment. Parts alternate if neighbours in
    time are of different parts more than half as often as in random order.

    Args:
        part (np.ndarray): ``[n]`` part of each image, in order of time.

    Returns:
        bool: False if there is one part.
    """
    _, size = np.unique(part, return_counts=True)
    changes = np.count_nonzero(part[1:] != part[:-1])
    return bool(changes > MOST_CHANGES * (len(part) - np.sum(size**2) / len(part)))


def assign_strays(
    x: np.ndarray, label: np.ndarray, video: np.ndarray, tracklet: np.ndarray
) -> np.ndarray:
    """Gives strays to the person of their video that they resemble most.

    An image is compared with the mean of all images of a person. It joins a person of
    its own tracklet if it is more similar than the median image of other people, and
    another one if it is as similar as half of the way from there to images of one
    person, and by as much more similar than to those of its own tracklet.

    Args:
        x (np.ndarray): ``[n, D]`` unit vectors of images.
        label (np.ndarray): ``[n]`` person of each; -1: stray.
        video (np.ndarray): ``[n]`` video of each, in ``0..V-1``.
        tracklet (np.ndarray): ``[n]`` tracklet of each, in ``0..T-1``.

    Returns:
        np.ndarray: ``[n]`` person of each; -1: resembles no person of its video.
    """
    result = label.copy()
    for rows in rows_of_groups(video, int(video.max(initial=-1)) + 1):
        stray, kept = rows[label[rows] < 0], rows[label[rows] >= 0]
        if len(stray) == 0 or len(kept) == 0:
            continue
        names, person = np.unique(label[kept], return_inverse=True)
        total = group_sums(x[kept], person, len(names))
        mean = unit(total)
        score = x[kept] @ mean.T
        other = np.ones_like(score, bool)
        other[np.arange(len(kept)), person] = False
        # an image is compared with its own person without itself
        rest = unit(total[person] - x[kept])
        several = np.bincount(person)[person] > 1
        genuine = np.einsum('ij,ij->i', x[kept], rest)[several]
        threshold = between(score[other], genuine, STRAY_SHARE)
        ahead = threshold - between(score[other], genuine, 0)
        if threshold == np.inf:
            # nothing is known: all stay with people of their tracklet
            threshold, ahead = -np.inf, 4.0  # more than cosines differ by
        least, most = tracklet[rows].min(), tracklet[rows].max()
        own = np.zeros((most - least + 1, len(names)), bool)
        own[tracklet[kept] - least, person] = True
        similar = x[stray] @ mean.T + ahead * own[tracklet[stray] - least]
        best = similar.argmax(1)
        fits = similar[np.arange(len(stray)), best] >= threshold
        result[stray[fits]] = names[best[fits]]
    return result
