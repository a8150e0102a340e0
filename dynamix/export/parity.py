from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOPK = 10


class Parity(NamedTuple):
    """How near two models' embeddings of the same images are.

    ``feature``: largest difference of two numbers of an embedding. ``ranks``: where
    each image is a query to all others, the share of the first ten images found that
    both find.
    """

    feature: float
    ranks: float

    def is_within(self, limit: Parity) -> bool:
        """Whether the models are as near as the limit, or nearer; NaN is not."""
        return self.feature <= limit.feature and self.ranks >= limit.ranks


FLOAT32 = Parity(feature=1e-4, ranks=0.99)
FLOAT16 = Parity(feature=1e-2, ranks=0.9)


def compare_embeddings(expected: np.ndarray, found: np.ndarray) -> Parity:
    """Compares two models by their embeddings of the same images.

    Args:
        expected (np.ndarray): ``[N, D]`` of unit length, at least two rows.
        found (np.ndarray): Likewise, of the other model.
    """
    ours, theirs = _first_found(expected), _first_found(found)
    shared = [np.isin(a, b).mean() for a, b in zip(ours, theirs)]
    return Parity(float(np.abs(expected - found).max()), float(np.mean(shared)))


def _first_found(features: np.ndarray) -> np.ndarray:
    scores = features @ features.T
    np.fill_diagonal(scores, -np.inf)
    count = min(TOPK, len(features) - 1)
    return np.argsort(-scores, axis=1, kind='stable')[:, :count]
