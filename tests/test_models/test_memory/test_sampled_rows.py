from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.models.memory import sampled_rows


def draw(number: int) -> torch.Tensor:
    return torch.tensor(number)


def splitmix(state: int) -> int:
    mask = 2**64 - 1
    state = (state + 0x9E3779B97F4A7C15) & mask
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return state ^ (state >> 31)


def slow_rows(num_rows: int, count: int, seed: int, number: int) -> list[int]:
    """In whole numbers of Python, one stratum at a time."""

    def bits(i: int) -> int:
        return splitmix(splitmix(splitmix(seed) + number) + i) % 2**62

    rows = []
    for i in range(count):
        first, last = i * num_rows // count, (i + 1) * num_rows // count
        row = first + bits(i) % (last - first)
        rows.append((row + bits(count)) % num_rows)
    return rows


@settings(max_examples=60, deadline=None)
@given(
    num_rows=st.integers(1, 300),
    fraction=st.floats(1e-6, 1),
    seed=st.integers(-(2**63), 2**63 - 1),
    number=st.integers(0, 2**40),
)
def test_against_whole_numbers(
    num_rows: int, fraction: float, seed: int, number: int
) -> None:
    rows = sampled_rows(num_rows, fraction, seed, draw(number)).tolist()
    assert len(set(rows)) == len(rows)
    assert 0 <= len(rows) - fraction * num_rows < 1
    assert rows == slow_rows(num_rows, len(rows), seed, number)


def test_a_memory_without_rows() -> None:
    assert sampled_rows(0, 0.5, 0, draw(0)).tolist() == []


def test_all_rows() -> None:
    assert sorted(sampled_rows(7, 1.0, 0, draw(3)).tolist()) == list(range(7))


@pytest.mark.parametrize('fraction', [0.1, 0.37, 0.7])
def test_each_row_is_as_likely_as_any_other(fraction: float) -> None:
    draws, num_rows = 4000, 30
    found = torch.zeros(num_rows)
    for number in range(draws):
        found[sampled_rows(num_rows, fraction, 5, draw(number))] += 1
    share = len(sampled_rows(num_rows, fraction, 5, draw(0))) / num_rows
    # Six standard deviations of a binomial number.
    slack = 6 * (draws * share * (1 - share)) ** 0.5
    assert (found - draws * share).abs().max() < slack
    assert (found - found.mean()).abs().max() > 0


def test_seeds_and_draws_differ() -> None:
    drawn = {
        tuple(sampled_rows(1000, 0.01, seed, draw(number)).tolist())
        for seed in range(5)
        for number in range(5)
    }
    assert len(drawn) == 25
