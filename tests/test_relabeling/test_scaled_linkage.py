from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling.scaled_linkage import link_scaled
from dynamix.relabeling.segments import unit


def slow(x, level, edges, forbidden, rivals):
    """Merges one best pair of clusters at a time, means over all pairs of members."""
    clusters = [{i} for i in range(len(x))]
    fit = x @ x.T - (level[:, None] + level[None]) / 2
    joined = {frozenset(e) for e in edges.tolist()}
    apart = {frozenset(e) for e in forbidden.tolist()}
    while True:
        best = None
        for a in range(len(clusters)):
            for b in range(a + 1, len(clusters)):
                pairs = [frozenset((i, j)) for i in clusters[a] for j in clusters[b]]
                if not any(p in joined for p in pairs):
                    continue
                if any(p in apart for p in pairs):
                    continue
                if rivals is not None and (
                    {rivals[i] for i in clusters[a]} & {rivals[i] for i in clusters[b]}
                ):
                    continue
                mean = np.mean([fit[tuple(p)] for p in map(sorted, pairs)])
                if mean >= 0 and (best is None or mean > best[0]):
                    best = (mean, a, b)
        if best is None:
            return clusters
        clusters[best[1]] |= clusters.pop(best[2])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 14), st.booleans(), st.booleans())
def test_equals_one_merge_at_a_time(seed, n, with_rivals, all_edges):
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(n, 3)))
    level = rng.uniform(-0.2, 0.8, n)
    i, j = np.triu_indices(n, 1)
    fitting = np.einsum('ij,ij->i', x[i], x[j]) >= (level[i] + level[j]) / 2
    # every fitting pair has an edge; others may
    keep = fitting | all_edges
    edges = np.stack([i, j], 1)[keep]
    forbidden = np.stack([i, j], 1)[rng.random(len(i)) < 0.1]
    rivals = rng.integers(0, 6, n) if with_rivals else None
    cluster, merges, vetoes = link_scaled(x, level, edges, forbidden, rivals)
    expected = slow(x, level, edges, forbidden, rivals)
    assert {frozenset(np.flatnonzero(cluster == c)) for c in set(cluster)} == {
        frozenset(c) for c in expected
    }
    assert merges == n - len(expected)
    assert all(cluster[c] == c for c in set(cluster))
    banned = {tuple(p) for p in forbidden.tolist()}
    assert vetoes == sum(
        (a, b) in banned or (rivals is not None and rivals[a] == rivals[b])
        for a, b in np.stack([i, j], 1)[fitting].tolist()
    )


def test_no_edges_no_merges():
    none = np.empty((0, 2), np.int64)
    x = np.eye(3)
    cluster, merges, vetoes = link_scaled(x, np.zeros(3), none, none)
    np.testing.assert_array_equal(cluster, [0, 1, 2])
    assert merges == vetoes == 0
