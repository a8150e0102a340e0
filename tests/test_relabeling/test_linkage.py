from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling.linkage import link, shared_frames


def one_at_a_time(vectors, edges, threshold, forbidden):
    """Average linkage under cannot-link, the best pair first."""
    groups = [[i] for i in range(len(vectors))]
    banned = {tuple(sorted(pair)) for pair in forbidden.tolist()}
    while True:
        best = (threshold, None)
        for a in range(len(groups)):
            for b in range(a):
                pairs = [(min(i, j), max(i, j)) for i in groups[a] for j in groups[b]]
                if any(pair in banned for pair in pairs):
                    continue
                mean = np.mean([vectors[i] @ vectors[j] for i, j in pairs])
                if mean >= best[0]:
                    best = (mean, (a, b))
        if best[1] is None:
            return {frozenset(group) for group in groups}
        a, b = best[1]
        groups[b] += groups.pop(a)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(0, 8))
def test_equals_merging_one_pair_at_a_time(seed, count, bans):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    forbidden = np.sort(rng.integers(0, count, (bans, 2)), 1)
    forbidden = forbidden[forbidden[:, 0] < forbidden[:, 1]]
    i, j = np.triu_indices(count, 1)
    alike = (vectors[i] * vectors[j]).sum(1) >= 0.3
    edges = np.stack([i[alike], j[alike]], 1)
    tree = link(vectors, edges, 0.3, forbidden)
    cluster = tree.cluster
    groups = {frozenset(np.flatnonzero(cluster == c).tolist()) for c in set(cluster)}
    assert groups == one_at_a_time(vectors, edges, 0.3, forbidden)
    assert len(tree.height) == count - len(groups)
    assert (cluster[forbidden[:, 0]] != cluster[forbidden[:, 1]]).all()


def test_veto_holds_for_the_merged_component():
    vectors = np.array([[1.0, 0], [1, 0], [1, 0]])
    tree = link(vectors, np.array([[0, 1], [0, 2], [1, 2]]), 0.5, np.array([[0, 2]]))
    assert (len(tree.height), tree.vetoes) == (1, 1)
    assert tree.cluster[0] != tree.cluster[2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(-0.9, 0.9), st.integers(0, 6))
def test_a_cut_of_the_tree_is_linking_to_that_height(seed, height, bans):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(14, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    forbidden = np.sort(rng.integers(0, 14, (bans, 2)), 1)
    forbidden = forbidden[forbidden[:, 0] < forbidden[:, 1]]
    edges = np.stack(np.triu_indices(14, 1), 1)
    tree = link(vectors, edges, -2.0, forbidden)
    expected = link(vectors, edges, height, forbidden).cluster
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
