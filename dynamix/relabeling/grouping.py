"""Operations on rows that belong to groups ``0..count-1``."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix


def unit(x: np.ndarray) -> np.ndarray:
    """``[n, D]`` rows scaled to length 1; zero rows stay zero."""
    length = np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    return x / np.maximum(length, 1e-12)


def group_sums(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count, D]`` sums of the rows of each group."""
    ones = np.ones(len(x), x.dtype)
    member = csr_matrix((ones, (group, np.arange(len(x)))), shape=(count, len(x)))
    return member @ x


def group_means(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count, D]`` means of the rows of each group; zero for an empty one."""
    size = np.maximum(np.bincount(group, minlength=count), 1)
    return group_sums(x, group, count) / size[:, None].astype(x.dtype)


def value_of_groups(value: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """``[count]`` integers: the value that all rows of a group share."""
    result = np.empty(count, np.int64)
    result[group] = value
    return result


def rows_of_groups(group: np.ndarray, count: int) -> list[np.ndarray]:
    """Positions of the rows of each group, in rising order."""
    order = np.argsort(group, kind='stable')
    return np.split(order, np.cumsum(np.bincount(group, minlength=count))[:-1])


def numbered(*keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the distinct combinations of keys in sorted order.

    Args:
        *keys (np.ndarray): ``[n]`` integers each.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[G]`` first row of each combination and ``[n]``
        number of each row.
    """
    number = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        _, part = np.unique(key, return_inverse=True)
        number = number * (int(part.max(initial=0)) + 1) + part
    _, first, number = np.unique(number, return_index=True, return_inverse=True)
    return first, number


def number_by_appearance(label: np.ndarray) -> np.ndarray:
    """``[n]`` int64 labels renumbered in order of first appearance; negative: -1."""
    result = np.full(len(label), -1, np.int64)
    kept = np.flatnonzero(label >= 0)
    _, first, number = np.unique(label[kept], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    result[kept] = rank[number]
    return result


def usable_rows(embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are finite and not zero.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[m]`` their positions and ``[m, D]`` float32
        unit vectors.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        x = embedding.astype(np.float32)
        length = np.sqrt(np.einsum('ij,ij->i', x, x))
    rows = np.flatnonzero(np.isfinite(length) & (length > 0))
    return rows, unit(x[rows])
