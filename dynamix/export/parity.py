from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOPK = 10


class Tolerance(NamedTuple):
    """``feature``: largest difference; ``ranks``: smallest share of equal ranks."""

    feature: float
    ranks: float


FLOAT32 = Tolerance(feature=1e-4, ranks=0.99)
FLOAT16 = Tolerance(feature=1e-2, ranks=0.9)


class Parity(NamedTuple):
    """How near two models' embeddings of the same images are.

    ``feature``: largest difference of two numbers of an embedding. ``ranks``: where
    each image is a query to all others, the share of the first ten images found that
    both find.
    """

    images: int
    feature: float
    ranks: float

    def is_within(self, tolerance: Tolerance) -> bool:
        """Whether the difference is small enough; NaN is not."""
        return self.feature <= tolerance.feature and self.ranks >= tolerance.ranks


def compare_embeddings(expected: np.ndarray, found: np.ndarray) -> Parity:
    """Compares two models by their embeddings of the same images.

    Args:
        expected (np.ndarray): ``[N, D]`` of unit length, at least two rows.
        found (np.ndarray): Likewise, of the other model.

    Returns:
        Parity: The differences.

    Raises:
        ValueError: If the shapes differ or there are fewer than two images.
    """
    if expected.shape != found.shape or len(expected) < 2:
        raise ValueError(
            'expected two embeddings of the same size of at least two images, but got '
            f'{list(expected.shape)} and {list(found.shape)}.'
        )
    ours, theirs = _first_found(expected), _first_found(found)
    shared = [np.isin(a, b).mean() for a, b in zip(ours, theirs)]
    difference = float(np.abs(expected - found).max())
    return Parity(len(expected), difference, float(np.mean(shared)))


def _first_found(features: np.ndarray) -> np.ndarray:
    scores = features @ features.T
    np.fill_diagonal(scores, -np.inf)
    count = min(TOPK, len(features) - 1)
    return np.argsort(-scores, axis=1, kind='stable')[:, :count]
