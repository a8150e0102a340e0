"""Sums over groups of rows, without a Python loop over groups."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

BLOCK = 32768


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; zero rows stay zero."""
    length = np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    return x / np.maximum(length, 1e-12)


def tracklet_blocks(group: np.ndarray) -> Iterator[slice]:
    """Slices of whole groups of sorted group numbers, about ``BLOCK`` rows each."""
    ends = np.append(np.flatnonzero(group[1:] != group[:-1]) + 1, len(group))
    start = 0
    while start < len(group):
        stop = int(ends[min(int(np.searchsorted(ends, start + BLOCK)), len(ends) - 1)])
        yield slice(start, stop)
        start = stop


def group_sums(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count, D]`` sums of the rows of each group; ``group [m]`` in any order."""
    selector = csr_matrix(
        (np.ones(len(x), x.dtype), (group, np.arange(len(x)))), shape=(count, len(x))
    )
    return selector @ x


def unit_sums(
    embedding: np.ndarray, rows: np.ndarray, group: np.ndarray, count: int
) -> np.ndarray:
    """Sums of the unit embeddings of each group, block by block.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision.
        rows (np.ndarray): ``[m]`` the rows to sum.
        group (np.ndarray): ``[m]`` the group of each, in ``0..count-1``.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[count, D]`` float32.
    """
    total = np.zeros((count, embedding.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        x = unit(embedding[rows[part]].astype(np.float32))
        names, local = np.unique(group[part], return_inverse=True)
        total[names] += group_sums(x, local, len(names))
    return total


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
        total = group_sums(x[core], group[core], count)
        core = np.lexsort((-own_scores(x, group, total), group))[inside]
    return core


def core_vectors(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count, D]`` unit mean of the core of each group; zero for an empty one."""
    core = core_members(x, group, count)
    return unit(group_sums(x[core], group[core], count))
