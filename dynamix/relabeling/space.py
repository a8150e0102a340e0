from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import cholesky, eigh, solve_triangular

from .segments import core_members, group_sums, unit

MAX_SAMPLE = 20000


class WhitenedSpace:
    """A space in which the images of one tracklet scatter alike in all directions.

    Directions in which images of one tracklet differ anyway (pose, light, crop) weigh
    little. Tracklets are supervision for that at no cost, as within-class covariance
    normalisation in speaker recognition; a network whose embeddings crowd in a cone is
    opened by it.

    Args:
        x (torch.Tensor): ``[n, D]`` unit vectors of images.
        group (np.ndarray): ``[m]`` tracklet of each member, sorted. Of many members,
            those of every k-th tracklet are used, about 20 000.
        shrinkage (float): Share of the identity in the covariance.
        core (bool): Only the half of each tracklet that is most alike counts, so that
            a tracker's errors do not. Defaults to True.
        dim (int, optional): Keep this many directions, those in which tracklets
            differ most (linear discriminant analysis). Defaults to None: all.
        members (np.ndarray, optional): ``[m]`` rows to learn from. Defaults to None:
            all.
    """

    def __init__(
        self,
        x: torch.Tensor,
        group: np.ndarray,
        shrinkage: float,
        core: bool = True,
        dim: int | None = None,
        members: np.ndarray | None = None,
    ) -> None:
        _, dense = np.unique(group, return_inverse=True)
        pick = np.flatnonzero(dense % max(1, round(len(group) / MAX_SAMPLE)) == 0)
        names, local = np.unique(dense[pick], return_inverse=True)
        rows = pick if members is None else members[pick]
        some = x[torch.from_numpy(rows).to(x.device)].cpu().numpy()
        if core:
            kept = core_members(some, local, len(names))
            some, local = some[kept], local[kept]
        mean = group_sums(some, local, len(names)) / np.bincount(local)[:, None].astype(
            some.dtype
        )
        self.centre = mean.mean(0)
        some = some - mean[local]
        size = some.shape[1]
        scatter = (some.T @ some).astype(np.float64) / max(len(some), 1)
        level = max(np.trace(scatter) / size, 1e-12)
        scatter *= 1 - shrinkage
        scatter.flat[:: size + 1] += shrinkage * level
        factor = cholesky(scatter, lower=True)
        matrix = solve_triangular(factor, np.eye(size), lower=True).T
        if dim is not None and dim < size:
            between = (mean - self.centre) @ matrix
            _, directions = eigh(
                between.T @ between, subset_by_index=(size - dim, size - 1)
            )
            matrix = matrix @ directions
        self._matrix = np.ascontiguousarray(matrix, dtype=np.float32)

    def project(self, x: torch.Tensor) -> np.ndarray:
        """Centres, whitens and scales to length 1.

        Args:
            x (torch.Tensor): ``[m, D]`` float32, on any device.

        Returns:
            np.ndarray: ``[m, d]`` float32.
        """
        matrix = torch.from_numpy(self._matrix).to(x.device)
        shift = torch.from_numpy(self.centre.astype(np.float32)).to(x.device) @ matrix
        return unit((x @ matrix - shift).cpu().numpy())
