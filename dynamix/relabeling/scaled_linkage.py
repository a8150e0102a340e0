from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from .linkage import mutual_best

CHUNK = 1 << 16


def link_scaled(
    vectors: np.ndarray,
    level: np.ndarray,
    edges: np.ndarray,
    forbidden: np.ndarray,
    rivals: np.ndarray | None = None,
) -> tuple[np.ndarray, int, int]:
    """Average linkage over a sparse graph, each member with a level of its own.

    Two members fit if their product reaches the mean of their levels; two clusters fit
    if that holds on average over all pairs of their members, whether an edge joins the
    pair or not. That average is the product of the mean vectors less the mean of the
    mean levels, so no matrix is kept. Each round merges every two clusters that fit
    each other best.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        level (np.ndarray): ``[P]`` finite levels.
        edges (np.ndarray): ``[E, 2]`` pairs; only clusters with an edge between them
            may merge.
        forbidden (np.ndarray): ``[F, 2]`` pairs that must not end in one cluster.
        rivals (np.ndarray, optional): ``[P]`` integers from 0; members of equal number
            must not end in one cluster either. Defaults to None.

    Returns:
        tuple[np.ndarray, int, int]: ``[P]`` cluster of each (its lowest member), number
        of merges, number of pairs that fit, joined by an edge, but are forbidden.
    """
    count = np.int64(len(vectors))
    key = np.array([count, 1])
    cluster = np.arange(count)
    total = vectors.astype(np.float64)
    size = np.ones(count)
    height = np.asarray(level, np.float64).copy()
    merges, vetoes = 0, -1
    while len(edges):
        ends = np.sort(cluster[edges], axis=1)
        keys = np.unique(ends[ends[:, 0] != ends[:, 1]] @ key)
        edges = np.stack([keys // count, keys % count], 1)
        surplus = _surplus(total, size, height, edges)
        # a mean reaches 0 only if one of its parts does: others never need an edge
        edges, keys, surplus = (x[surplus >= 0] for x in (edges, keys, surplus))
        banned = np.isin(keys, np.sort(cluster[forbidden], axis=1) @ key)
        if rivals is not None:
            banned |= _clash(cluster, rivals, edges)
        vetoes = int(banned.sum()) if vetoes < 0 else vetoes
        edges, surplus = edges[~banned], surplus[~banned]
        stay, gone = edges[mutual_best(edges, surplus, len(vectors))].T
        for sums in (total, size, height):
            sums[stay] += sums[gone]
        parent = np.arange(count)
        parent[gone] = stay
        cluster = parent[cluster]
        merges += len(stay)
    return cluster, merges, max(vetoes, 0)


def _surplus(
    total: np.ndarray, size: np.ndarray, height: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """``[E]`` mean product of two clusters less the mean of their levels."""
    result = np.empty(len(edges))
    for start in range(0, len(edges), CHUNK):
        i, j = edges[start : start + CHUNK].T
        dots = np.einsum('ij,ij->i', total[i], total[j]) / (size[i] * size[j])
        mean = (height[i] / size[i] + height[j] / size[j]) / 2
        result[start : start + CHUNK] = dots - mean
    return result


def _clash(cluster: np.ndarray, rivals: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """``[E]`` bool: whether two clusters have members of equal rival number."""
    holds = csr_matrix(
        (np.ones(len(cluster), np.int32), (cluster, rivals)),
        shape=(len(cluster), int(rivals.max(initial=0)) + 1),
    )
    common = holds[edges[:, 0]].multiply(holds[edges[:, 1]])
    return np.asarray(common.sum(axis=1)).ravel() > 0
