from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix
from scipy.spatial.distance import squareform

# A pair at this distance keeps clusters of up to 10 000 members each apart.
FORBIDDEN = 1e9
# Groups that share more than this of the moments of the smaller one co-occur.
MOST_SHARED = 0.2


def cannot_link(group: np.ndarray, frame: np.ndarray, count: int) -> np.ndarray:
    """Pairs of groups of images of one video that exist at the same time.

    Time is divided into moments as long as the usual step from an image of a group to
    its next one, as images of two people need not be of the very same frames. A pair
    must share more than a fifth of the moments of the group that has fewer, as a few
    images may be in the wrong group; and neither may end before the other begins.

    Args:
        group (np.ndarray): ``[n]`` group of each image, in ``0..count-1``.
        frame (np.ndarray): ``[n]`` frame number of each; negative: unknown.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[count, count]`` bool, symmetric, False on the diagonal.
    """
    known = frame >= 0
    group, frame = group[known], frame[known]
    order = np.lexsort((frame, group))
    steps = np.diff(frame[order])[np.diff(group[order]) == 0]
    step = max(int(np.median(steps)), 1) if len(steps) else 1
    visits = np.unique(np.stack([group, frame // step]), axis=1)
    moments, moment = np.unique(visits[1], return_inverse=True)
    seen = csr_matrix(
        (np.ones(len(moment), np.float32), (visits[0], moment)),
        shape=(count, len(moments)),
    )
    shared = (seen @ seen.T).toarray()
    size = shared.diagonal()
    together = shared > MOST_SHARED * np.minimum.outer(size, size)
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, -1)
    np.minimum.at(first, group, frame)
    np.maximum.at(last, group, frame)
    together &= np.minimum.outer(last, last) >= np.maximum.outer(first, first)
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
