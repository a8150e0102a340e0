"""Checks that the scopes share."""

from __future__ import annotations

import numpy as np

CHUNK = 65536


def check_columns(count: int, **columns: np.ndarray) -> None:
    """Checks that columns have a value for each image.

    Args:
        count (int): Number of embeddings ``n``.
        **columns (np.ndarray): Arrays by name.

    Raises:
        ValueError: If one has another shape than ``(n,)``.
    """
    for name, column in columns.items():
        if column.shape != (count,):
            raise ValueError(
                f'{name} must have shape ({count},), as there are {count} embeddings, '
                f'but has {column.shape}.'
            )


def check_integers(**columns: np.ndarray) -> None:
    """Checks that columns hold integers.

    Args:
        **columns (np.ndarray): Arrays by name.

    Raises:
        TypeError: If one holds something else, names for example.
    """
    for name, column in columns.items():
        if not np.issubdtype(column.dtype, np.integer):
            raise TypeError(
                f'{name} must hold integers, but holds {column.dtype}: number what '
                'they stand for by np.unique(..., return_inverse=True)[1].'
            )


def healthy_rows(embedding: np.ndarray) -> np.ndarray:
    """``[n]`` bool: rows of ``embedding [n, D]`` that are finite and not zero."""
    result = np.empty(len(embedding), bool)
    for start in range(0, len(embedding), CHUNK):
        part = embedding[start : start + CHUNK].astype(np.float32)
        square = np.einsum('ij,ij->i', part, part)
        result[start : start + len(part)] = np.isfinite(square) & (square > 0)
    return result
