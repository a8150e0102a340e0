"""Sums over groups of rows, without a Python loop over groups."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix

from .device_rows import DeviceRows


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; zero rows stay zero."""
    length = np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    return x / np.maximum(length, 1e-12)


def unit_rows(embedding: np.ndarray, rows: slice | np.ndarray) -> torch.Tensor:
    """Some embeddings, widened and scaled to length 1, where they are.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision and length, or
            :class:`~dynamix.relabeling.device_rows.DeviceRows`.
        rows (slice | np.ndarray): The rows.

    Returns:
        torch.Tensor: ``[m, D]`` float32; zero for rows that are zero or not finite.
    """
    if isinstance(embedding, DeviceRows):
        part = embedding.tensor(rows).float()
    else:
        part = torch.from_numpy(np.array(embedding[rows])).float()
    length = torch.linalg.vector_norm(part, dim=1, keepdim=True)
    healthy = torch.isfinite(length) & (length > 0)
    if healthy.all():
        return part.div_(length)
    return torch.where(healthy, part / length, 0.0)


def group_sums(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count, D]`` sums of the rows of each group; ``group [m]`` in any order."""
    selector = csr_matrix(
        (np.ones(len(x), x.dtype), (group, np.arange(len(x)))), shape=(count, len(x))
    )
    return selector @ x


def own_scores(x: np.ndarray, group: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """``[m]`` product of each row with the vector of its group."""
    return np.einsum('ij,ij->i', x, vectors[group])


def core_members(
    x: np.ndarray, group: np.ndarray, count: int, steps: int = 2
) -> np.ndarray:
    """The core of each group: its half that is most alike.

    As a trimmed mean is found: begins with all members; each step keeps the better
    half by their product with the sum of those kept. So strays, and the shorter part
    of a tracklet that changes from one person to another, stay outside.

    Args:
        x (np.ndarray): ``[m, D]`` unit vectors.
        group (np.ndarray): ``[m]`` group of each.
        count (int): Number of groups.
        steps (int): Number of steps. Defaults to 2.

    Returns:
        np.ndarray: Positions of the members, half of each group rounded up.
    """
    size = np.bincount(group, minlength=count)
    place = np.arange(len(x)) - np.repeat(np.cumsum(size) - size, size)
    inside = place < np.repeat((size + 1) // 2, size)
    core = np.arange(len(x))
    for _ in range(steps):
        mean = unit(group_sums(x[core], group[core], count))
        # one key sorts faster than two: scores lie in -1..1
        core = np.argsort(group - own_scores(x, group, mean) / 4.0)[inside]
    return core


def core_vectors(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count, D]`` unit mean of the core of each group; zero for an empty one."""
    core = core_members(x, group, count)
    return unit(group_sums(x[core], group[core], count))
