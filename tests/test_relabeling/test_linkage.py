from __future__ import annotations

import numpy as np
import pytest

from dynamix.relabeling.linkage import cannot_link, link


def slow_link(
    similarity: np.ndarray, threshold: float, forbidden: np.ndarray
) -> list[set[int]]:
    clusters = [{i} for i in range(len(similarity))]
    while True:
        best, pair = threshold, None
        for i, a in enumerate(clusters):
            for j, b in enumerate(clusters[:i]):
                cells = np.ix_(sorted(a), sorted(b))
                mean = similarity[cells].mean()
                if mean >= best and not forbidden[cells].any():
                    best, pair = mean, (i, j)
        if pair is None:
            return clusters
        clusters[pair[1]] |= clusters.pop(pair[0])


def random_case(seed: int, count: int = 14) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = (
        rng.normal(size=(count, 4))
        + 2 * rng.normal(size=(4, 4))[rng.integers(4, size=count)]
    )
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    forbidden = rng.random((count, count)) < 0.1
    forbidden = np.triu(forbidden, 1)
    return x @ x.T, forbidden | forbidden.T


@pytest.mark.parametrize('seed', range(10))
def test_link_equals_a_slow_reference(seed: int) -> None:
    similarity, forbidden = random_case(seed)
    cluster = link(similarity, 0.4, forbidden)
    found = {frozenset(np.flatnonzero(cluster == c).tolist()) for c in set(cluster)}
    assert found == {frozenset(c) for c in slow_link(similarity, 0.4, forbidden)}


def test_cannot_link_by_shared_frames_and_spans() -> None:
    member, frame = np.array([0, 0, 1, 1, 2, 3]), np.array([1, 9, 9, 12, 30, -1])
    pairs = np.argwhere(np.triu(cannot_link(member, frame, None, 4))).tolist()
    assert pairs == [[0, 1]]
    span = np.array([[1, 9], [9, 31], [30, 30], [-1, -1]])
    pairs = np.argwhere(np.triu(cannot_link(member, frame, span, 4))).tolist()
    assert pairs == [[0, 1], [1, 2]]
