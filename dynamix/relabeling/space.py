from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from .segments import core_members, group_sums, unit

MAX_SAMPLE = 20000


class WhitenedSpace:
    """A space in which the images of one tracklet scatter alike in all directions.

    Directions in which images of one tracklet differ anyway (pose, light, crop) weigh
    little. Tracklets are supervision for that at no cost, as within-class covariance
    normalisation in speaker recognition; a network whose embeddings crowd in a cone is
    opened by it.

    Args:
        embedding (np.ndarray): ``[n, D]`` embeddings.
        rows (np.ndarray): ``[m]`` rows that may be used, sorted by tracklet. Of more
            than 20 000, every so manieth tracklet is used.
        group (np.ndarray): ``[m]`` tracklet of each row, sorted.
        shrinkage (float): Share of the identity in the covariance.
        core (bool): Only the half of each tracklet that is most alike counts, so that
            a tracker's errors do not. Defaults to True.
    """

    def __init__(
        self,
        embedding: np.ndarray,
        rows: np.ndarray,
        group: np.ndarray,
        shrinkage: float,
        core: bool = True,
    ) -> None:
        _, dense = np.unique(group, return_inverse=True)
        pick = dense % max(1, len(rows) // MAX_SAMPLE) == 0
        names, local = np.unique(dense[pick], return_inverse=True)
        x = unit(embedding[rows[pick]].astype(np.float32))
        if core:
            kept = core_members(x, local, len(names))
            x, local = x[kept], local[kept]
        mean = group_sums(x, local, len(names)) / np.bincount(local)[:, None]
        self.centre = mean.mean(0)
        x -= mean[local]
        dim = x.shape[1]
        scatter = (x.T @ x).astype(np.float64) / max(len(x), 1)
        level = max(np.trace(scatter) / dim, 1e-12)
        scatter *= 1 - shrinkage
        scatter.flat[:: dim + 1] += shrinkage * level
        factor = cholesky(scatter, lower=True)
        inverse = solve_triangular(factor, np.eye(dim), lower=True).T
        self._matrix = np.ascontiguousarray(inverse, dtype=np.float32)

    def project(self, x: np.ndarray) -> np.ndarray:
        """``[m, D]`` vectors, centred, whitened and scaled to length 1; float32."""
        return unit((x - self.centre) @ self._matrix)
