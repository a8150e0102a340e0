"""Centroids of identities in a space in which their images scatter alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from .segments import unit_rows, unit_sums
from .space import MAX_SAMPLE, WhitenedSpace

MAX_POSITIVES = 2000


class IdentityCentroids(NamedTuple):
    """Result of :func:`identity_centroids`; all vectors whitened, of length 1.

    Args:
        identities (np.ndarray): ``[P]`` identities that have valid embeddings.
        vectors (np.ndarray): ``[P, D]`` float32, of each.
        long (np.ndarray): ``[L]`` positions, among those, of some with three images.
        first_third (np.ndarray): ``[L, D]`` of the first third of their images.
        last_third (np.ndarray): ``[L, D]`` of the last.
    """

    identities: np.ndarray
    vectors: np.ndarray
    long: np.ndarray
    first_third: np.ndarray
    last_third: np.ndarray


def identity_centroids(
    embedding: np.ndarray, usable: np.ndarray, identity: np.ndarray, shrinkage: float
) -> IdentityCentroids:
    """Means of unit embeddings, whitened.

    Args:
        embedding (np.ndarray): ``[n, D]``.
        usable (np.ndarray): ``[n]`` bool: rows that count; at least one.
        identity (np.ndarray): ``[n]`` identity of each row.
        shrinkage (float): Share of the unit matrix in the covariance.

    Returns:
        IdentityCentroids: The vectors.
    """
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(identity[rows], kind='stable')]
    identities, group = np.unique(identity[rows], return_inverse=True)
    size = np.bincount(group)
    pick = group % max(1, len(rows) // MAX_SAMPLE) == 0
    some = unit_rows(embedding, rows[pick])
    space = WhitenedSpace(some, group[pick], shrinkage, core=False)

    def project(total: np.ndarray, number: np.ndarray) -> np.ndarray:
        mean = total / number[:, None].astype(np.float32)
        return space.project(torch.from_numpy(mean))

    vectors = project(unit_sums(embedding, rows, group, len(identities)), size)
    long = np.flatnonzero(size >= 3)
    long = long[:: max(1, len(long) // MAX_POSITIVES)]
    number = np.full(len(identities), -1)
    number[long] = np.arange(len(long))
    rank = np.arange(len(rows)) - (np.cumsum(size) - size)[group]
    third = size // 3
    thirds = []
    for inside in (rank < third[group], rank >= (size - third)[group]):
        keep = np.flatnonzero(inside & (number[group] >= 0))
        total = unit_sums(embedding, rows[keep], number[group[keep]], len(long))
        thirds.append(project(total, third[long]))
    return IdentityCentroids(identities, vectors, long, *thirds)
