from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from dynamix.relabeling.same_person import same_person, transition_width


def test_probability_of_one_person_is_that_of_the_mixture():
    rng = np.random.default_rng(0)
    far = rng.normal(0, 1, 200_000)
    near = np.concatenate([rng.normal(0, 1, 90_000), rng.normal(4, 1, 10_000)])
    found = same_person(near, far)
    one, other = 0.1 * norm.pdf(near, 4), 0.9 * norm.pdf(near)
    # no more can be known than: strangers are at most all of those near
    expected = 1 - (one + other).clip(max=1e9) ** -1 * norm.pdf(near)
    assert np.abs(found - expected.clip(0, 1)).mean() < 0.01
    order = np.argsort(near)
    assert (np.diff(found[order]) >= -1e-9).all()


@pytest.mark.parametrize('width', [0.02, 0.3])
def test_width_is_that_of_a_logistic_function(width):
    score = np.random.default_rng(0).uniform(-5, 5, 4000)
    found = transition_width(score, 1 / (1 + np.exp(-score / width)))
    assert found == pytest.approx(width, rel=0.02)
    assert transition_width(score, (score > 0).astype(float)) < 0.01
