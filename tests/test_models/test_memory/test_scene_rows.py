from __future__ import annotations

import numpy as np
import pytest

from dynamix.models.memory import SceneRows


def test_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    identity, scene = rng.integers(-1, 30, 400), rng.integers(0, 9, 400)
    rows = SceneRows(identity, scene)
    for wanted in ([3], [5, 0, 5, 8], [-1, 2], []):
        found, place = rows.of(np.array(wanted, np.int64))
        expected = [
            (s, y)
            for s in sorted({s for s in wanted if s >= 0})
            for y in sorted(set(identity[(scene == s) & (identity >= 0)]))
        ]
        assert list(zip(place.tolist(), found.tolist())) == expected


def test_scenes_of_nobody_are_empty() -> None:
    rows = SceneRows(np.array([-1, 4, -1]), np.array([0, 1, 2]))
    assert [x.tolist() for x in rows.of(np.array([0, 1, 2]))] == [[4], [1]]
    rows = SceneRows(np.array([-1, -1]), np.array([0, 1]))
    assert [x.tolist() for x in rows.of(np.array([0, 1]))] == [[], []]


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match='same images'):
        SceneRows(np.zeros(2, int), np.zeros(3, int))
