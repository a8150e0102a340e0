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
        height (np.ndarray): ``[M]`` their mean similarity. Merging only where it is
            at least ``s`` gives what :func:`link` gives with threshold ``s``.
        vetoes (int): Edges that a shared frame forbids.
    """

    cluster: np.ndarray
    pairs: np.ndarray
    height: np.ndarray
    vetoes: int


def link(
    vectors: np.ndarray, edges: np.ndarray, threshold: float, forbidden: np.ndarray
) -> Tree:
    """Average linkage under cannot-link, all videos at once.

    Each round merges every two clusters that are each other's most similar partner;
    for average linkage this builds the tree that merging one best pair at a time
    builds, in about log(pieces) rounds. The mean similarity of the members of two
    clusters is the product of their mean vectors, so no matrix is kept.

    Args:
        vectors (np.ndarray): ``[P, D]`` a vector of each piece.
        edges (np.ndarray): ``[E, 2]`` pairs ``i < j`` of one video with similarity of
            at least ``threshold``. Clusters without an edge between them cannot have
            a mean similarity that high.
        threshold (float): Mean similarity from which clusters merge.
        forbidden (np.ndarray): ``[F, 2]`` pairs that must not end in one cluster.

    Returns:
        Tree: The clusters and how they came about.
    """
    num_pieces = np.int64(len(vectors))
    cluster = np.arange(num_pieces)
    total = vectors.astype(np.float64)
    size = np.ones(num_pieces)
    pairs, height = [np.empty((0, 2), np.int64)], [np.empty(0)]
    vetoes = int(np.isin(edges @ [num_pieces, 1], forbidden @ [num_pieces, 1]).sum())
    while len(edges):
        ends = np.sort(cluster[edges], 1)
        ends = ends[ends[:, 0] != ends[:, 1]]
        keys = np.unique(ends @ [num_pieces, 1])
        banned = np.sort(cluster[forbidden], 1) @ [num_pieces, 1]
        keys = keys[~np.isin(keys, banned)]
        edges = np.stack([keys // num_pieces, keys % num_pieces], 1)
        similarity = _similarities(total, size, edges)
        alike = similarity >= threshold
        edges, similarity = edges[alike], similarity[alike]
        if len(edges) == 0:
            break
        mutual = mutual_best(edges, similarity, len(vectors))
        keep, gone = edges[mutual].T
        total[keep] += total[gone]
        size[keep] += size[gone]
        parent = np.arange(num_pieces)
        parent[gone] = keep
        cluster = parent[cluster]
        pairs.append(edges[mutual])
        height.append(similarity[mutual])
    return Tree(cluster, np.concatenate(pairs), np.concatenate(height), vetoes)


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


def _similarities(total: np.ndarray, size: np.ndarray, edges: np.ndarray) -> np.ndarray:
    result = np.empty(len(edges))
    step = max(1, CHUNK // total.shape[1])
    for start in range(0, len(edges), step):
        i, j = edges[start : start + step].T
        dots = np.einsum('ij,ij->i', total[i], total[j])
        result[start : start + step] = dots / (size[i] * size[j])
    return result
