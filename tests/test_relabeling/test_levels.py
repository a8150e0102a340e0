from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from dynamix.relabeling.levels import (
    clear_gap,
    odd_level,
    parting_level,
    share_of_strangers,
)


@pytest.mark.parametrize('cost', [0.25, 1.0, 3.0])
def test_level_is_worth_most(cost):
    rng = np.random.default_rng(1)
    strangers = rng.normal(0, 1, 3000)
    own = np.concatenate([rng.normal(0, 1, 400), rng.normal(4, 1, 2600)])
    share = share_of_strangers(own, strangers)
    best = max(
        (found - cost * ((own <= level).sum() - found), level)
        for level in own
        for found in [
            min(share * len(own) * np.mean(strangers <= level), (own <= level).sum())
        ]
    )
    level = odd_level(own, strangers, cost)
    assert best[1] < level < own[own > best[1]].min()
    truly = np.r_[np.ones(400), np.zeros(2600)]
    if cost == 1:
        odd = own <= odd_level(own, strangers, cost)
        assert (odd == truly).mean() > 0.97


@pytest.mark.parametrize('away', [1.5, 2.5, 4.0])
@pytest.mark.parametrize('part', [0.0, 0.05, 0.2, 1.0])
def test_share_of_strangers(part, away):
    """Members that are hardly more alike than strangers are not all taken for them."""
    rng = np.random.default_rng(0)
    strangers = rng.normal(0, 1, 20000)
    wrong = int(part * 20000)
    own = np.r_[rng.normal(0, 1, wrong), rng.normal(away, 1, 20000 - wrong)]
    share = share_of_strangers(own, strangers)
    tenth = (1 - part) * norm.cdf(norm.ppf(0.1) - away) / 0.1
    assert part - 0.01 <= share <= part + tenth + 0.02
    assert share_of_strangers(own[:0], strangers) == 0


def test_share_of_strangers_among_few_images():
    rng = np.random.default_rng(0)
    shares = [
        share_of_strangers(
            np.r_[rng.normal(0, 1, 40), rng.normal(4, 1, 160)], rng.normal(0, 1, 200)
        )
        for _ in range(200)
    ]
    assert 0.17 < np.mean(shares) < 0.22
    assert np.mean(np.array(shares) == 0) < 0.03


def test_level_lies_in_a_clear_gap():
    """Strangers of one pair of people are more alike than others: no chance to know."""
    rng = np.random.default_rng(0)
    strangers = rng.normal(0, 1, 3000)
    alike = rng.uniform(2.5, 3.0, 15)
    own = np.concatenate([rng.normal(0, 1, 600), alike, rng.normal(9, 0.5, 2400)])
    assert alike.max() < odd_level(own, strangers, 0.5) < own[615:].min()


@given(st.integers(0, 999))
def test_no_level_is_much_worse_than_the_best(seed):
    rng = np.random.default_rng(seed)
    strangers = rng.normal(0, 1, 300)
    wrong = rng.normal(0, 1, rng.integers(20, 120))
    own = np.sort(np.concatenate([wrong, rng.normal(3, 1, 200)]))
    under = np.arange(1, len(own) + 1)
    share = share_of_strangers(own, strangers)
    found = (strangers <= own[:, None]).mean(1) * share * len(own)
    gain = np.minimum(found, under) * 1.5 - 0.5 * under
    level = odd_level(own, strangers, 0.5)
    if np.isfinite(level):
        chosen = gain[(own <= level).sum() - 1]
        assert chosen >= gain.max() - 0.5 * under[gain.argmax()] ** 0.5 - 1e-9


@given(st.integers(0, 999))
def test_parting_level_makes_the_fewest_errors(seed):
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 20, rng.integers(1, 30)) + 6.0
    others = rng.integers(0, 20, rng.integers(1, 30)) + 0.0
    errors = [
        np.mean(own < level) + np.mean(others >= level)
        for level in [*np.arange(0, 28) - 0.5, parting_level(own, others)]
    ]
    assert errors[-1] <= min(errors) + 1e-12
    assert parting_level(own, others[:0]) == np.inf


def test_scores_that_say_nothing_have_no_level():
    rng = np.random.default_rng(0)
    same = rng.normal(size=(2, 1000))
    assert odd_level(same[0], same[1], 0.5) == -np.inf
    assert odd_level(same[0] + 9, same[1], 0.5) == -np.inf
    assert odd_level(same[0][:0], same[1], 0.5) == -np.inf
    assert odd_level(same[0], same[1][:0], 0.5) == -np.inf


def test_clear_gaps_are_no_chance():
    rng = np.random.default_rng(0)
    draws = np.sort(rng.random((2000, 40)), axis=1)
    assert np.mean([clear_gap(x) is not None for x in draws]) < 0.05
    for rest in (2, 5, 40):
        values = np.concatenate([np.linspace(0, 1, rest), np.linspace(60, 61, rest)])
        assert clear_gap(values) == rest - 1
    for nothing in ([], [1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.5, 1.0]):
        assert clear_gap(np.array(nothing)) is None
