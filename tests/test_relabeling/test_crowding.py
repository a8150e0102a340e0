from __future__ import annotations

import numpy as np
import pytest

from dynamix.relabeling.crowding import crowding


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def draw(seed=0):
    """Images, their video; groups and their video; own group and its score."""
    rng = np.random.default_rng(seed)
    owner = np.sort(rng.integers(0, 4, 30))
    owner[owner == 2] = 1
    group = np.sort(rng.integers(0, 30, 200))
    x, others = (unit(rng.normal(size=(n, 6)) + 0.3) for n in (200, 30))
    return x, owner[group], others, owner, group, rng.uniform(-1, 1, 200)


@pytest.mark.parametrize('block', [7, 4096])
def test_equals_looking_at_each(block, monkeypatch):
    monkeypatch.setattr('dynamix.relabeling.crowding.BLOCK', block)
    x, video, others, owner, group, own = draw()
    expected = []
    for i in range(200):
        scores = {g: x[i] @ others[g] for g in np.flatnonzero(owner == video[i])}
        scores[group[i]] = own[i]
        best = sorted((max(s, 0) for s in scores.values()), reverse=True)[:4]
        expected.append(sum(best) / 8)
    found = crowding(x, video, others, owner, group, own)
    np.testing.assert_allclose(found, expected)


def test_who_is_alone_is_crowded_by_itself_only():
    x, group = unit(np.random.default_rng(0).normal(size=(4, 3))), np.arange(4)
    found = crowding(x, group, x, group, group, np.array([0.5, 1, -1, 0]))
    np.testing.assert_allclose(found, [0.0625, 0.125, 0, 0])
    assert len(crowding(x[:0], group[:0], x, group, group[:0], group[:0])) == 0


def test_a_video_depends_on_itself_alone():
    x, video, others, owner, group, own = draw()
    whole = crowding(x, video, others, owner, group, own)
    for v in np.unique(video):
        rows, there = video == v, owner == v
        local = group[rows] - np.flatnonzero(there)[0]
        alone = crowding(
            x[rows], video[rows], others[there], owner[there], local, own[rows]
        )
        np.testing.assert_array_equal(alone, whole[rows])


def test_of_a_long_video_some_are_looked_at(monkeypatch):
    monkeypatch.setattr('dynamix.relabeling.crowding.MOST', 10)
    x, video, others, owner, group, own = draw()
    video, owner = np.zeros_like(video), np.zeros_like(owner)
    found = crowding(x, video, others, owner, group, own)
    scores = x @ others.T
    scores[np.arange(200), group] = own
    best = -np.sort(-np.maximum(scores[:, ::3], 0), 1)[:, :4]
    np.testing.assert_allclose(found, best.sum(1) / 8)
