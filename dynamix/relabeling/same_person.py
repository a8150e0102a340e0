"""How probable it is that two pieces of a video show one person."""

from __future__ import annotations

import numpy as np
from scipy.integrate import trapezoid
from scipy.optimize import isotonic_regression


def same_person(scores: np.ndarray, strangers: np.ndarray) -> np.ndarray:
    """Probability that pairs of one video show one person.

    Most pairs of a video are strangers, so where the scores are ``r`` times as
    dense as those of as many strangers, a share ``1 - 1 / r`` is of one person: a
    local false discovery rate, with ``r`` rising in the score (isotonic regression).

    Args:
        scores (np.ndarray): ``[m]`` similarities within videos, at least one.
        strangers (np.ndarray): Similarities of different people, at least one.

    Returns:
        np.ndarray: ``[m]`` in 0..1.
    """
    value = np.concatenate([scores, strangers])
    near = np.zeros(len(value))
    near[: len(scores)] = 1
    weight = np.where(near > 0, 1 / len(scores), 1 / len(strangers))
    # equal values are one point
    value, place = np.unique(value, return_inverse=True)
    total = np.bincount(place, weight)
    mean = np.bincount(place, weight * near) / total
    share = isotonic_regression(mean, weights=total).x[place[: len(scores)]]
    share = np.maximum(share, 1e-9)
    return np.clip(1 - (1 - share) / share, 0, 1)


def transition_width(scores: np.ndarray, same: np.ndarray) -> float:
    """Over how much similarity the evidence for one person grows by a factor e.

    If the log odds rise evenly, by ``1 / width`` for each unit of similarity, then
    ``same`` is a logistic function of the score, and the integral of ``same * (1 -
    same)`` over the scores is the width. It is 0 where there is a gap between people.

    Args:
        scores (np.ndarray): ``[m]`` similarities.
        same (np.ndarray): ``[m]`` probabilities of one person, rising in the score.

    Returns:
        float: The width, on the scale of the similarities.
    """
    order = np.argsort(scores, kind='stable')
    return float(trapezoid((same * (1 - same))[order], scores[order]))
