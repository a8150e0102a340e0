from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets.counter_random import (
    below,
    distinct,
    random_bits,
    shuffled,
    stratum,
)

MASK = 2**64 - 1


def slow_mix(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def test_first_number_is_that_of_splitmix64() -> None:
    # Published test vector: SplitMix64 with seed 0.
    assert random_bits(0).tolist() == [0xE220A8397B1DCDAF]


@given(st.lists(st.integers(-(2**40), 2**64 - 1), min_size=1, max_size=4))
def test_random_bits_equal_python_integers(coordinates: list[int]) -> None:
    state = 0
    for coordinate in coordinates:
        state = slow_mix(state + (coordinate + 1) * 0x9E3779B97F4A7C15 & MASK)
    arrays = [np.array([c & MASK], dtype=np.uint64) for c in coordinates]
    assert random_bits(*coordinates).tolist() == [state]
    assert random_bits(*arrays).tolist() == [state]


def test_random_bits_broadcast_without_warnings() -> None:
    with np.errstate(all='raise'):
        bits = random_bits(MASK, np.arange(3)[:, None], np.arange(4))
    assert bits.shape == (3, 4)
    assert len(np.unique(bits)) == 12


def test_below_is_uniform() -> None:
    counts = np.bincount(below(random_bits(5, np.arange(60_000)), 6), minlength=6)
    assert counts.sum() == 60_000
    assert (np.abs(counts - 10_000) < 500).all()  # five standard deviations
    top = np.array([MASK], dtype=np.uint64)
    assert below(top, 2**32 - 1).tolist() == [2**32 - 2]


@pytest.mark.parametrize('size', [1, 2, 3, 4, 5, 7, 16, 33, 1000])
def test_shuffled_is_a_permutation(size: int) -> None:
    keys = random_bits(1, np.arange(20)[:, None])
    orders = shuffled(np.arange(size), size, keys)
    assert (np.sort(orders, axis=1) == np.arange(size)).all()
    if size > 7:
        assert len({tuple(order) for order in orders.tolist()}) == 20


def test_shuffled_makes_all_orders_equally_likely() -> None:
    orders = shuffled(np.arange(3), 3, random_bits(2, np.arange(30_000)[:, None]))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6
    assert ((counts - 5000) ** 2 / 5000).sum() < 25  # chi-square, 5 degrees: p 1e-4


def test_shuffled_pairs_are_independent() -> None:
    orders = shuffled(np.arange(2), 20, random_bits(3, np.arange(40_000)[:, None]))
    table = np.zeros((20, 20))
    np.add.at(table, tuple(orders.T), 1)
    expected = 40_000 / 380 * (1 - np.eye(20))
    off = ~np.eye(20, dtype=bool)
    chi_square = ((table - expected)[off] ** 2 / expected[off]).sum()
    assert abs(chi_square - 379) < 5 * np.sqrt(2 * 379)


def test_shuffled_takes_a_size_and_key_for_each_position() -> None:
    size = np.array([5, 9, 2])
    key = random_bits(4, np.arange(3))
    together = shuffled(np.array([4, 8, 1]), size, key)
    for column in range(3):
        alone = shuffled(np.arange(size[column]), int(size[column]), key[[column]])
        assert alone[size[column] - 1] == together[column]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**63))
@settings(max_examples=60)
def test_distinct_draws_differ(size: int, count: int, seed: int) -> None:
    bits = random_bits(seed, np.arange(count))[None]
    drawn = distinct(bits, np.array([size]))[0, : min(size, count)]
    assert len(set(drawn.tolist())) == len(drawn)
    assert ((drawn >= 0) & (drawn < size)).all()


def test_distinct_draws_are_uniform_in_order() -> None:
    bits = random_bits(6, np.arange(24_000)[:, None], np.arange(2))
    pairs, counts = np.unique(
        distinct(bits, np.full(24_000, 4)), axis=0, return_counts=True
    )
    assert len(pairs) == 12
    assert ((counts - 2000) ** 2 / 2000).sum() < 38  # 11 degrees: p 1e-4


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**63))
def test_strata_cover_the_whole(size: int, count: int, seed: int) -> None:
    number = np.arange(count)
    place = stratum(random_bits(seed, number), np.array([size]), count, number)
    edges = [segment * size // count for segment in range(count + 1)]
    for found, low, high in zip(place, edges, edges[1:]):
        assert low <= found <= max(low, high - 1)
    counts = np.bincount(place, minlength=size)
    assert len(counts) == size
    assert counts.max() - counts.min() <= 1
