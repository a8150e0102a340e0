from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix
from scipy.spatial.distance import squareform

# A pair at this distance keeps clusters of up to 10 000 members each apart.
FORBIDDEN = 1e9


def cannot_link(
    group: np.ndarray, frame: np.ndarray, span: np.ndarray | None, count: int
) -> np.ndarray:
    """Pairs of groups of images of one video that exist at the same time.

    Args:
        group (np.ndarray): ``[n]`` group of each image, in ``0..count-1``; -1: none.
        frame (np.ndarray): ``[n]`` frame number of each; negative: unknown.
        span (np.ndarray, optional): ``[count, 2]`` first and last frame of each
            group; negative: unknown. None: only shared frames count.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[count, count]`` bool, symmetric, False on the diagonal.
    """
    known = np.flatnonzero((frame >= 0) & (group >= 0))
    moment = np.unique(frame[known], return_inverse=True)[1]
    seen = csr_matrix(
        (np.ones(len(known), np.float32), (group[known], moment)),
        shape=(count, len(known) + 1),
    )
    together = (seen @ seen.T).toarray() > 0
    if span is not None:
        first, last = span.T
        overlap = np.minimum.outer(last, last) >= np.maximum.outer(first, first)
        together |= overlap & np.logical_and.outer(first >= 0, first >= 0)
    np.fill_diagonal(together, False)
    return together


def link(
    similarity: np.ndarray, threshold: float, forbidden: np.ndarray | None = None
) -> np.ndarray:
    """Average linkage that never joins forbidden pairs, not even through others.

    The two clusters with the highest mean similarity over all pairs of their members
    are joined as long as that mean reaches the threshold. A forbidden pair has so large
    a distance that no mean with it does.

    Args:
        similarity (np.ndarray): ``[n, n]`` symmetric.
        threshold (float): Least mean similarity of two clusters that are joined.
        forbidden (np.ndarray, optional): ``[n, n]`` bool, symmetric: pairs that must
            end in different clusters. Defaults to None.

    Returns:
        np.ndarray: ``[n]`` cluster of each: its lowest member.
    """
    alone = np.arange(len(similarity))
    if len(alone) < 2 or threshold == np.inf:
        return alone
    top = float(similarity.max())
    distance = top - similarity.astype(np.float64)
    if forbidden is not None:
        distance[forbidden] = FORBIDDEN
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), 'average')
    cluster = fcluster(tree, top - threshold, 'distance')
    _, lowest, number = np.unique(cluster, return_index=True, return_inverse=True)
    return lowest[number]
