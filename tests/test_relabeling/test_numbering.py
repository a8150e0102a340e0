from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling.numbering import keep_numbers


def greedy(component, current, first, total):
    """One pair at a time, in order of falling overlap."""
    pairs = {}
    for c, i in zip(component, current):
        if c >= 0 and i >= 0:
            pairs[c, i] = pairs.get((c, i), 0) + 1
    number = {}
    for c, i in sorted(pairs, key=lambda k: (-pairs[k], *k)):
        if c not in number and i not in number.values():
            number[c] = i
    free = (k for k in range(first, 1000) if k not in set(number.values()))
    for c in sorted(set(component) - {-1} - set(number)):
        number[c] = next(free)
    return [number.get(c, -1) for c in component]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 6)), max_size=25))
def test_equals_greedy_matching(rows):
    component, current = np.array(rows, int).reshape(-1, 2).T
    current = np.where(current >= 0, current + 10, -1)
    result = keep_numbers(component, current, 10, 17)
    assert result.tolist() == greedy(component.tolist(), current.tolist(), 10, 17)


def test_same_components_keep_their_numbers():
    current = np.array([7, 7, 9, 9, -1])
    assert keep_numbers(np.array([1, 1, 0, 0, -1]), current, 5, 12).tolist() == [
        7, 7, 9, 9, -1,
    ]  # fmt: skip
