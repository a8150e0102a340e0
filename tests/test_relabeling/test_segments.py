from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynamix.relabeling.segments import means_of_members, number_runs, sort_stably

INTEGERS = arrays(np.int64, st.integers(0, 30), elements=st.integers(-3, 5))


@given(INTEGERS)
def test_runs_are_numbered_as_unique_does(values):
    expected = np.unique(values, return_index=True, return_inverse=True)
    for found, wanted in zip(number_runs(values), expected):
        np.testing.assert_array_equal(found, wanted)


@given(INTEGERS)
def test_order_is_stable(values):
    for given_values in (values, np.sort(values)):
        expected = np.argsort(given_values, kind='stable')
        np.testing.assert_array_equal(sort_stably(given_values), expected)


@pytest.mark.parametrize('members', [np.arange(7), np.array([5, 0, 6, 2, 3])])
def test_means(members):
    x = torch.arange(21, dtype=torch.float32).reshape(7, 3) ** 2
    group = np.array([0, 0, 1, 2, 2, 2, 2])[: len(members)]
    expected = [x[members[group == k]].mean(0) for k in range(group.max() + 1)]
    found = means_of_members(x, members, group)
    torch.testing.assert_close(found, torch.stack(expected))
