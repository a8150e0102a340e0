from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling.linkage import link, shared_frames
from dynamix.relabeling.segments import unit


def pairs_of(count):
    return np.stack(np.triu_indices(count, 1), 1)


def groups_of(cluster):
    return {frozenset(np.flatnonzero(cluster == c).tolist()) for c in set(cluster)}


def one_at_a_time(x, level, edges, forbidden, least, rivals, growth):
    """Merges one best pair of clusters at a time, means over all pairs of members."""
    groups = [{i} for i in range(len(x))]
    fit = x @ x.T - (level[:, None] + level[None]) / 2
    joined = {frozenset(e) for e in edges.tolist()}
    apart = {frozenset(e) for e in forbidden.tolist()}

    def may_merge(a, b):
        pairs = {frozenset((i, j)) for i in a for j in b}
        if not pairs & joined or pairs & apart:
            return False
        return rivals is None or not {rivals[i] for i in a} & {rivals[i] for i in b}

    while True:
        means = [
            (
                fit[np.ix_(list(groups[a]), list(groups[b]))].mean()
                - growth * math.log(len(groups[a]) * len(groups[b])) / 2,
                a,
                b,
            )
            for a in range(len(groups))
            for b in range(a + 1, len(groups))
            if may_merge(groups[a], groups[b])
        ]
        mean, a, b = max(means, default=(-np.inf, 0, 0))
        if not means or mean < least:
            return {frozenset(group) for group in groups}
        groups[a] |= groups.pop(b)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 14),
    with_rivals=st.booleans(),
    all_edges=st.booleans(),
    least=st.sampled_from([-0.3, 0.0, 0.2]),
    growth=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_equals_one_merge_at_a_time(seed, n, with_rivals, all_edges, least, growth):
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(n, 3)))
    level = rng.uniform(-0.2, 0.8, n)
    pairs = pairs_of(n)
    surplus = (x[pairs[:, 0]] * x[pairs[:, 1]]).sum(1) - level[pairs].mean(1)
    # every fitting pair has an edge; others may
    edges = pairs[(surplus >= least) | all_edges]
    forbidden = pairs[rng.random(len(pairs)) < 0.1]
    rivals = rng.integers(0, 6, n) if with_rivals else None
    tree = link(x, level, edges, forbidden, least, rivals, growth)
    expected = one_at_a_time(x, level, edges, forbidden, least, rivals, growth)
    assert groups_of(tree.cluster) == expected
    assert len(tree.height) == n - len(expected)
    assert (tree.height >= least).all()
    assert all(tree.cluster[c] == c for c in set(tree.cluster))
    banned = {tuple(p) for p in forbidden.tolist()}
    assert tree.vetoes == sum(
        (a, b) in banned or (rivals is not None and rivals[a] == rivals[b])
        for a, b in pairs[surplus >= least].tolist()
    )


def test_no_edges_no_merges():
    none = np.empty((0, 2), np.int64)
    tree = link(np.eye(3), np.zeros(3), none, none)
    np.testing.assert_array_equal(tree.cluster, [0, 1, 2])
    assert len(tree.height) == tree.vetoes == 0


def test_veto_holds_for_the_merged_component():
    vectors, level = np.array([[1.0, 0], [1, 0], [1, 0]]), np.full(3, 0.5)
    tree = link(vectors, level, pairs_of(3), np.array([[0, 2]]))
    assert (len(tree.height), tree.vetoes) == (1, 1)
    assert tree.cluster[0] != tree.cluster[2]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(-0.9, 0.9),
    st.integers(0, 6),
    st.sampled_from([0.0, 0.2]),
)
def test_a_cut_of_the_tree_is_linking_to_that_height(seed, height, bans, growth):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(14, 3)))
    level = rng.uniform(-0.2, 0.2, 14)
    forbidden = np.sort(rng.integers(0, 14, (bans, 2)), 1)
    forbidden = forbidden[forbidden[:, 0] < forbidden[:, 1]]
    tree = link(vectors, level, pairs_of(14), forbidden, -np.inf, None, growth)
    expected = link(
        vectors, level, pairs_of(14), forbidden, height, None, growth
    ).cluster
    cut = np.arange(14)
    for a, b in tree.pairs[tree.height >= height]:
        cut[cut == cut[b]] = cut[a]
    same = cut[:, None] == cut
    np.testing.assert_array_equal(same, expected[:, None] == expected)


@pytest.mark.parametrize('seed', range(5))
def test_shared_frames_equals_looking_at_all_pairs(seed):
    rng = np.random.default_rng(seed)
    piece = rng.integers(-1, 8, 60)
    video = np.where(piece >= 0, piece // 3, 0)
    frame = rng.integers(-1, 12, 60)
    expected = {
        (piece[i], piece[j])
        for i in range(60)
        for j in range(60)
        if 0 <= piece[i] < piece[j]
        and video[i] == video[j]
        and frame[i] == frame[j] >= 0
    }
    assert {tuple(p) for p in shared_frames(piece, video, frame, 8)} == expected
