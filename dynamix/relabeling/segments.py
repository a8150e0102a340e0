"""Sums over groups of rows, without a Python loop over groups."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

BLOCK = 65536


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; zero rows stay zero."""
    length = np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    return x / np.maximum(length, 1e-12)


def group_sums(
    embedding: np.ndarray, rows: np.ndarray, group: np.ndarray, num_groups: int
) -> np.ndarray:
    """Sums of the unit embeddings of each group.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision.
        rows (np.ndarray): ``[m]`` the rows to sum.
        group (np.ndarray): ``[m]`` the group of each, in ``0..num_groups-1``.
        num_groups (int): Number of groups.

    Returns:
        np.ndarray: ``[num_groups, D]`` float32.
    """
    total = np.zeros((num_groups, embedding.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        x = unit(embedding[rows[part]].astype(np.float32))
        groups, local = np.unique(group[part], return_inverse=True)
        selector = csr_matrix(
            (np.ones(len(x), np.float32), (local, np.arange(len(x)))),
            shape=(len(groups), len(x)),
        )
        total[groups] += selector @ x
    return total


def row_dots(
    embedding: np.ndarray, rows: np.ndarray, vectors: np.ndarray, index: np.ndarray
) -> np.ndarray:
    """``unit(embedding[rows[i]]) . vectors[index[i]]`` for all ``i``; ``[m]`` float32."""
    result = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        x = unit(embedding[rows[part]].astype(np.float32))
        result[part] = np.einsum('ij,ij->i', x, vectors[index[part]])
    return result
