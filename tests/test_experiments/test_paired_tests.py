from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dynamix.experiments import compare_paired, paired_t, sign_flip

gaps = st.lists(st.integers(-40, 40), min_size=2, max_size=8)


@given(gaps)
def test_sign_flip_is_the_permutation_test_of_scipy(gap: list[int]) -> None:
    found = stats.permutation_test(
        (np.array(gap, float), np.zeros(len(gap))),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type='samples',
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip(np.array(gap) / 10) == pytest.approx(found.pvalue)


def test_five_gains_in_five_seeds() -> None:
    assert sign_flip(np.array([0.1, 2.0, 0.3, 4.0, 0.5])) == 2 / 32
    assert sign_flip(np.array([-1.0, -1.0, -1.0])) == 2 / 8


def test_more_pairs_than_one_chunk() -> None:
    gap = np.ones(18)
    assert sign_flip(gap) == 2 / 2**18


def test_paired_t_is_that_of_scipy() -> None:
    ours, theirs = np.random.default_rng(0).normal(size=(2, 6))
    expected = stats.ttest_rel(ours, theirs).pvalue
    assert paired_t(ours - theirs) == pytest.approx(expected)
    assert paired_t(np.zeros(3)) == 1
    assert paired_t(np.ones(3)) == 0


def test_only_common_seeds_count() -> None:
    ours = {0: 10.0, 1: 12.0, 2: 11.0, 7: 99.0}
    theirs = {0: 9.0, 1: 10.0, 2: 8.0, 5: -99.0}
    found = compare_paired(ours, theirs)
    assert (found.seeds, found.difference, found.std) == (3, 2.0, 1.0)
    assert found.p_t == pytest.approx(stats.ttest_rel([10, 12, 11], [9, 10, 8]).pvalue)
    assert found.p_sign_flip == 0.25


def test_too_few_seeds_to_test() -> None:
    one = compare_paired({0: 3.0}, {0: 1.0})
    assert (one.seeds, one.difference) == (1, 2.0)
    assert math.isnan(one.std + one.p_t)
    assert math.isnan(one.p_sign_flip)
    none = compare_paired({0: 3.0}, {1: 1.0})
    assert none.seeds == 0
    assert math.isnan(none.difference)


def test_number_of_pairs() -> None:
    with pytest.raises(ValueError, match='1 to 24 pairs, but got 25'):
        sign_flip(np.ones(25))
    assert math.isnan(
        compare_paired(dict.fromkeys(range(25), 1.0), dict.fromkeys(range(25), 0.0)).p_t
        + compare_paired(
            dict.fromkeys(range(25), 1.0), dict.fromkeys(range(25), 0.0)
        ).p_sign_flip
    )
