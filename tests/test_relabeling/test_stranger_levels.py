from __future__ import annotations

import numpy as np
import pytest

from dynamix.relabeling.stranger_levels import (
    StrangerLevels,
    least_evidence,
    log_expected,
    stranger_levels,
    tail_depth,
)


@pytest.mark.parametrize('scale', [0.02, 0.2])
def test_recovers_an_exponential_tail(scale):
    rng = np.random.default_rng(0)
    scores = -np.sort(-rng.exponential(scale, size=(1000, 3000)), axis=1)[:, :20]
    levels = stranger_levels(scores, np.ones(scores.shape, bool), 20)
    assert levels.scale == pytest.approx(scale, rel=0.05)
    # one of 3 000 strangers is expected above the anchor
    true = scale * np.log(3000)
    assert np.median(levels.anchor) == pytest.approx(true, abs=0.3 * scale)


def test_people_among_the_neighbours_only_raise_the_levels():
    rng = np.random.default_rng(0)
    scores = -np.sort(-rng.exponential(0.1, size=(500, 3000)), axis=1)[:, :20]
    every = np.ones(scores.shape, bool)
    clean = stranger_levels(scores, every, 20)
    mixed = [np.concatenate([np.full((500, 4), s), scores[:, :16]], 1) for s in (3, 9)]
    found, farther = (stranger_levels(x, every, 20) for x in mixed)
    # by the places they take, not by how alike they are
    assert found.scale == farther.scale
    assert clean.scale <= found.scale <= 1.6 * clean.scale
    assert 0 <= np.mean(found.anchor - clean.anchor) <= 0.2


def test_only_what_is_far_counts():
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.5]])
    far = np.array([[False, True, False, True, True]])
    packed = stranger_levels(scores[:, [1, 3, 4]], np.ones((1, 3), bool), 3)
    found = stranger_levels(scores, far, 3)
    assert found.scale == packed.scale
    np.testing.assert_array_equal(found.anchor, packed.anchor)
    short = stranger_levels(scores, np.zeros((1, 5), bool), 3)
    assert short.scale == 0
    assert np.isnan(short.anchor).all()


def test_evidence_by_hand():
    levels = StrangerLevels(np.array([0.5, 0.7]), 0.1)
    found = log_expected(levels, np.array([[0, 1]]), np.array([0.8]))
    np.testing.assert_allclose(found, [-2])
    # 10 identities: the pair at -3 alone expects 10 e^-3 / 2 = .25 false ones;
    # both pairs at -2 expect 10 e^-2 / 2 / 2 = .34 of them
    logs = np.array([-2.0, -3.0, 0.0])
    assert -3 < least_evidence(logs, 10, 0.3) < -2.99
    assert -2 < least_evidence(logs, 10, 0.35) < -1.99
    assert least_evidence(logs, 10, 0.2) == -np.inf
    assert least_evidence(np.empty(0), 10, 0.2) == -np.inf


def test_depth_is_a_tenth_of_few():
    assert [tail_depth(n, 20) for n in (5, 58, 200, 10_000)] == [3, 5, 20, 20]
