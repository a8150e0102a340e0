import numpy as np
import pytest

from dynamix.export import FLOAT16, FLOAT32, Parity, compare_embeddings


def unit(degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_largest_difference_and_ranks():
    expected = unit(np.arange(12) * 7.0)
    assert compare_embeddings(expected, expected) == Parity(0, 1)
    # the last one comes to the place before the first; each query misses one of eleven
    before = np.arange(12) * 7.0
    after = np.where(before == 77, -1, before)
    found = unit(after)
    parity = compare_embeddings(expected, found)
    assert parity.feature == pytest.approx(np.abs(expected - found).max())
    shared = []
    for row in range(12):
        ours, theirs = (
            sorted({*range(12)} - {row}, key=lambda i: abs(angles[i] - angles[row]))
            for angles in (before, after)
        )
        shared.append(len({*ours[:10]} & {*theirs[:10]}) / 10)
    assert parity.ranks == pytest.approx(np.mean(shared))
    assert parity.ranks < 1
    assert not parity.is_within(FLOAT32)
    assert not parity.is_within(FLOAT16)


def test_small_differences_are_within():
    expected = unit([0.0, 30.0, 80.0])
    assert compare_embeddings(expected, expected + 1e-5).is_within(FLOAT32)
    near = compare_embeddings(expected, expected + 1e-3)
    assert near.is_within(FLOAT16)
    assert not near.is_within(FLOAT32)
    nan = compare_embeddings(expected, np.full_like(expected, np.nan))
    assert not nan.is_within(FLOAT16)
