from __future__ import annotations

import numpy as np
import pytest

from dynamix.datasets.synthetic.counter_random import (
    MASK,
    Uniforms,
    hash_uniform,
    make_key,
)


def slow_mix(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def test_hash_uniform_equals_integer_arithmetic() -> None:
    key = make_key('anything', 7)
    expected = [
        (slow_mix((key + (i + 1) * 0x9E3779B97F4A7C15) & MASK) >> 11) / 2**53
        for i in range(50)
    ]
    assert hash_uniform(key, np.arange(50)).tolist() == expected


def test_make_key_depends_on_every_part_and_its_place() -> None:
    keys = {
        make_key(*parts) for parts in [(1, 2), (2, 1), (1,), ('1', 2), (1, 2, 0), ()]
    }
    assert len(keys) == 6
    assert all(0 <= key <= MASK for key in keys)


def test_uniforms_read_the_same_numbers() -> None:
    uniform = Uniforms(5, 4)
    expected = hash_uniform(5, np.arange(4))
    assert uniform() == expected[0]
    assert uniform(10, 20) == pytest.approx(10 + 10 * expected[1])
    assert uniform.below(1.0)
    assert uniform.integer(3) == int(3 * expected[3])


def test_choose_follows_weights() -> None:
    picks = [Uniforms(make_key(i), 1).choose([1.0, 0.0, 3.0]) for i in range(2000)]
    assert np.bincount(picks).tolist()[1] == 0
    assert np.mean(np.array(picks) == 2) == pytest.approx(0.75, abs=0.04)
