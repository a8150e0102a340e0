from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

CHUNK = 1 << 19


def shared_frames(
    piece: np.ndarray, video: np.ndarray, frame: np.ndarray, num_pieces: int
) -> np.ndarray:
    """Pairs of pieces seen in one frame: two people.

    Args:
        piece (np.ndarray): ``[n]`` piece of each image; -1: none.
        video (np.ndarray): ``[n]`` video of each image.
        frame (np.ndarray): ``[n]`` frame of each image; -1: no clock.
        num_pieces (int): Number of pieces.

    Returns:
        np.ndarray: ``[m, 2]`` pairs ``i < j``, sorted.
    """
    clocked = np.flatnonzero((frame >= 0) & (piece >= 0))
    if len(clocked) == 0:
        return np.empty((0, 2), np.int64)
    v, f, p = (x[clocked].astype(np.int64) for x in (video, frame, piece))
    _, moment = np.unique(v * (f.max() + 1) + f, return_inverse=True)
    seen = csr_matrix(
        (np.ones(len(p), np.int32), (p, moment)),
        shape=(num_pieces, int(moment.max()) + 1),
    )
    together = (seen @ seen.T).tocoo()
    upper = together.row < together.col
    pairs = np.stack([together.row[upper], together.col[upper]], 1).astype(np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


class Tree(NamedTuple):
    """What :func:`link` merged.

    Args:
        cluster (np.ndarray): ``[P]`` cluster of each piece: the lowest piece in it.
        pairs (np.ndarray): ``[M, 2]`` a piece of each of the two clusters merged.
        height (np.ndarray): ``[M]`` by how much they exceed their levels, on average.
            Merging only where it is at least ``h`` gives what :func:`link` gives with
            ``least=h``.
        vetoes (int): Pairs that fit, joined by an edge, but are forbidden.
    """

    cluster: np.ndarray
    pairs: np.ndarray
    height: np.ndarray
    vetoes: int


def link(
    vectors: np.ndarray,
    level: np.ndarray,
    edges: np.ndarray,
    forbidden: np.ndarray,
    least: float = 0.0,
    rivals: np.ndarray | None = None,
    growth: float = 0.0,
) -> Tree:
    """Average linkage under cannot-link, each member with a level of its own.

    Two members fit if their product reaches the mean of their levels; two clusters fit
    if that holds on average over all pairs of their members, whether an edge joins the
    pair or not, and by ``growth`` times the mean logarithm of their sizes more: those
    that grew apart seldom belong together. That average is the product of the mean
    vectors less the mean of the mean levels, so no matrix is kept. Each round merges
    every two clusters that fit each other best; for average linkage this builds the
    tree that merging one best pair at a time builds, in about log(members) rounds.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        level (np.ndarray): ``[P]`` finite levels.
        edges (np.ndarray): ``[E, 2]`` pairs ``i < j``; only clusters with an edge
            between them may merge.
        forbidden (np.ndarray): ``[F, 2]`` pairs that must not end in one cluster.
        least (float): By how much clusters must exceed their levels. Defaults to 0.
        rivals (np.ndarray, optional): ``[P]`` integers from 0; members of equal number
            must not end in one cluster either. Defaults to None.
        growth (float): By how much the level of a cluster rises as its size grows by a
            factor e; not negative. Defaults to 0: average linkage proper.

    Returns:
        Tree: The clusters and how they came about.
    """
    count = np.int64(len(vectors))
    key = np.array([count, 1])
    cluster = np.arange(count)
    total = vectors.astype(np.float64)
    size = np.ones(count)
    levels = np.asarray(level, np.float64).copy()
    pairs, height, vetoes = [np.empty((0, 2), np.int64)], [np.empty(0)], -1
    while len(edges):
        ends = np.sort(cluster[edges], axis=1)
        keys = np.unique(ends[ends[:, 0] != ends[:, 1]] @ key)
        edges = np.stack([keys // count, keys % count], 1)
        surplus = _surplus(total, size, levels + growth * size * np.log(size), edges)
        # a mean reaches ``least`` only if one of its parts does
        fits = surplus >= least
        edges, keys, surplus = edges[fits], keys[fits], surplus[fits]
        banned = np.isin(keys, np.sort(cluster[forbidden], axis=1) @ key)
        if rivals is not None:
            banned |= _clash(cluster, rivals, edges)
        vetoes = int(banned.sum()) if vetoes < 0 else vetoes
        edges, surplus = edges[~banned], surplus[~banned]
        best = mutual_best(edges, surplus, len(vectors))
        stay, gone = edges[best].T
        for sums in (total, size, levels):
            sums[stay] += sums[gone]
        parent = np.arange(count)
        parent[gone] = stay
        cluster = parent[cluster]
        pairs.append(edges[best])
        height.append(surplus[best])
    return Tree(cluster, np.concatenate(pairs), np.concatenate(height), max(vetoes, 0))


def mutual_best(edges: np.ndarray, score: np.ndarray, count: int) -> np.ndarray:
    """Edges whose ends are each other's best.

    Args:
        edges (np.ndarray): ``[E, 2]`` pairs ``i < j``, no two equal.
        score (np.ndarray): ``[E]``.
        count (int): Number of points.

    Returns:
        np.ndarray: Positions of these edges, in order of falling score.
    """
    # rank all edges once, so that ties fall the same way seen from both ends
    order = np.lexsort((edges[:, 1], edges[:, 0], -score))
    i, j = edges[order].T
    rank = np.arange(len(edges))
    best = np.full(count, len(edges))
    np.minimum.at(best, i, rank)
    np.minimum.at(best, j, rank)
    return order[(best[i] == rank) & (best[j] == rank)]


def _surplus(
    total: np.ndarray, size: np.ndarray, levels: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """``[E]`` mean product of two clusters less the mean of their levels."""
    result = np.empty(len(edges))
    step = max(1, CHUNK // total.shape[1])
    for start in range(0, len(edges), step):
        i, j = edges[start : start + step].T
        dots = np.einsum('ij,ij->i', total[i], total[j]) / (size[i] * size[j])
        mean = (levels[i] / size[i] + levels[j] / size[j]) / 2
        result[start : start + step] = dots - mean
    return result


def _clash(cluster: np.ndarray, rivals: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """``[E]`` bool: whether two clusters have members of equal rival number."""
    holds = csr_matrix(
        (np.ones(len(cluster), np.int32), (cluster, rivals)),
        shape=(len(cluster), int(rivals.max(initial=0)) + 1),
    )
    common = holds[edges[:, 0]].multiply(holds[edges[:, 1]])
    return np.asarray(common.sum(axis=1)).ravel() > 0
