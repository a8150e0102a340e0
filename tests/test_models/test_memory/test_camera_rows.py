from __future__ import annotations

import numpy as np

from dynamix.models.memory import CameraRows


def test_rows_are_pairs_that_occur() -> None:
    identity = np.array([2, 0, 0, -1, 2, 0, 3])
    camera = np.array([5, 1, 0, 7, 5, 1, 0])
    rows = CameraRows(identity, camera, num_identities=5)
    # (0, 0), (0, 1), (2, 5), (3, 0)
    assert len(rows) == 4
    found = rows.of_images(np.array([0, 1, 2, 3, 4, 5, 6, 7, -1]))
    assert found.tolist() == [2, 1, 0, -1, 2, 1, 3, -1, -1]
    assert rows.rows_of(np.array([2, 0, 1, -1, 4, 99])).tolist() == [
        [2, -1],
        [0, 1],
        [-1, -1],
        [-1, -1],
        [-1, -1],
        [-1, -1],
    ]


def test_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    identity, camera = rng.integers(-1, 30, 400), rng.integers(0, 9, 400)
    rows = CameraRows(identity, camera, 30)
    pairs = sorted({(y, c) for y, c in zip(identity, camera) if y >= 0})
    assert len(rows) == len(pairs)
    for y, c, row in zip(identity, camera, rows.of_images(np.arange(400))):
        assert row == (pairs.index((y, c)) if y >= 0 else -1)
    for y in range(30):
        mine = [i for i, pair in enumerate(pairs) if pair[0] == y]
        found = rows.rows_of(np.array([y]))[0]
        assert found[found >= 0].tolist() == mine


def test_no_multi_camera_image() -> None:
    rows = CameraRows(np.zeros(0, np.int32), np.zeros(0, np.int32), 0)
    assert len(rows) == 0
    assert rows.rows_of(np.array([-1, 3])).shape == (2, 0)
    assert rows.of_images(np.array([-1, 3])).tolist() == [-1, -1]
