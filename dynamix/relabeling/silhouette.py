"""How well clusters of pieces are apart."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix


def silhouette(cluster: np.ndarray, pairs: np.ndarray, score: np.ndarray) -> float:
    """Mean silhouette of pieces among the clusters of their video.

    Args:
        cluster (np.ndarray): ``[P]`` cluster of each piece, in ``0..C-1``.
        pairs (np.ndarray): ``[E, 2]`` all pairs within videos.
        score (np.ndarray): ``[E]`` their similarities; the distance is 1 less it.

    Returns:
        float: In -1..1; pieces alone in their cluster, or in a video of one cluster,
        count 0, as in scikit-learn.
    """
    count = len(cluster)
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    distance = 1 - np.concatenate([score, score]).astype(np.float64)
    places = ends[:, 0], cluster[ends[:, 1]]
    # sums over equal places: of distances, and in the imaginary part of ones
    total = csr_matrix((distance + 1j, places), shape=(count, count))
    mean = total.data.real / total.data.imag
    piece, other = np.repeat(np.arange(count), np.diff(total.indptr)), total.indices
    own = other == cluster[piece]
    inner = np.full(count, np.nan)
    inner[piece[own]] = mean[own]
    outer = np.full(count, np.inf)
    np.minimum.at(outer, piece[~own], mean[~own])
    known = ~np.isnan(inner) & np.isfinite(outer)
    inner, outer = inner[known], outer[known]
    spread = np.maximum(np.maximum(inner, outer), 1e-12)
    return float(((outer - inner) / spread).sum() / max(count, 1))
