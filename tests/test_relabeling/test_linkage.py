from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling.linkage import cannot_link, link


def slow_link(similarity, threshold, forbidden):
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
            return {frozenset(cluster) for cluster in clusters}
        clusters[pair[1]] |= clusters.pop(pair[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 14), st.floats(0, 0.5))
def test_link_equals_a_slow_reference(seed, count, share):
    rng = np.random.default_rng(seed)
    person = 2 * rng.normal(size=(4, 4))
    x = rng.normal(size=(count, 4)) + person[rng.integers(4, size=count)]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    forbidden = np.triu(rng.random((count, count)) < share, 1)
    forbidden |= forbidden.T
    cluster = link(x @ x.T, 0.4, forbidden)
    assert not (forbidden & (cluster[:, None] == cluster)).any()
    found = {frozenset(np.flatnonzero(cluster == c).tolist()) for c in cluster}
    assert found == slow_link(x @ x.T, 0.4, forbidden)


def test_nothing_is_joined_without_threshold_or_company():
    assert link(np.ones((3, 3)), np.inf).tolist() == [0, 1, 2]
    assert link(np.ones((1, 1)), 0.5).tolist() == [0]
    assert link(np.ones((3, 3)), 0.5).tolist() == [0, 0, 0]


def test_groups_that_share_a_fifth_of_their_moments_are_two_people():
    def pairs(*frames):
        group = np.repeat(np.arange(len(frames)), [len(f) for f in frames])
        together = cannot_link(group, np.concatenate(frames), len(frames))
        assert (together == together.T).all()
        return np.argwhere(np.triu(together)).tolist()

    first = np.arange(20)
    assert pairs(first, first + 15, first + 16, first + 40) == [[0, 1], [1, 2]]
    # one image in the wrong group, and images whose frames are not known
    assert pairs(first, np.append(first[:1], first + 30)) == []
    assert pairs(first, first * 0 - 1) == []
    assert pairs(first[:1], first) == [[0, 1]]
    # two fragments, one after the other, beside a tracklet whose steps are long
    assert pairs(100 * first, first[:4], 5 + first[:4]) == [[0, 1], [0, 2]]
    # every tenth frame of each, but not the same ones
    assert pairs(10 * first, 10 * first + 7, 10 * first + 203) == [[0, 1]]
