from __future__ import annotations

import numpy as np

from dynamix.structures import DROPPED


def score_labels(
    labels: np.ndarray, truth: np.ndarray, video: np.ndarray | None = None
) -> dict[str, float]:
    """Compares labels with true identities over pairs of images of one video.

    A pair is *together* by the labels if both images have the same label, and by
    the truth if they show the same person. A dropped image (label -1) and a crop of
    no person (truth -1) are together with no image, not even with one another:
    dropping a person's image costs recall, labelling a crop of no person costs
    precision.

    Args:
        labels (np.ndarray): ``[n]`` integers; -1: dropped.
        truth (np.ndarray): ``[n]`` integers; -1: shows no person.
        video (np.ndarray, optional): ``[n]`` integers; pairs across videos do not
            count. Defaults to None: one video.

    Returns:
        dict[str, float]: Pairwise ``precision``, ``recall`` and ``f1``, and ``ari``,
        the adjusted Rand index over all images, where an image together with none
        is a group of its own and a (video, label) is a group. A score without pairs
        to judge is 1.

    Raises:
        ValueError: If the lengths differ.
    """
    labels, truth = np.asarray(labels), np.asarray(truth)
    video = np.zeros(len(labels), np.int64) if video is None else np.asarray(video)
    if not labels.shape == truth.shape == video.shape:
        raise ValueError(
            'labels, truth and video must have equal lengths, but got '
            f'{labels.shape}, {truth.shape} and {video.shape}.'
        )
    found, expected = labels != DROPPED, truth != DROPPED
    both = found & expected
    pairs_found = _count_pairs(labels[found], video[found])
    pairs_true = _count_pairs(truth[expected], video[expected])
    hits = _count_pairs(labels[both], truth[both], video[both])
    precision = hits / pairs_found if pairs_found else 1.0
    recall = hits / pairs_true if pairs_true else 1.0
    total = precision + recall
    n = len(labels)
    chance = pairs_found * pairs_true / (n * (n - 1) / 2) if n > 1 else 0.0
    room = (pairs_found + pairs_true) / 2 - chance
    return dict(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / total if total else 0.0,
        ari=(hits - chance) / room if room else 1.0,
    )


def _count_pairs(*keys: np.ndarray) -> float:
    """Number of unordered pairs of positions that agree in all keys."""
    if len(keys[0]) == 0:
        return 0.0
    order = np.lexsort(keys)
    new = np.zeros(len(order), bool)
    new[0] = True
    for key in keys:
        key = key[order]
        new[1:] |= key[1:] != key[:-1]
    size = np.diff(np.append(np.flatnonzero(new), len(order))).astype(np.float64)
    return float((size * (size - 1) / 2).sum())
