from __future__ import annotations

import itertools

import numpy as np
import pytest

from dynamix.relabeling.purify import alternates, assign_strays


@pytest.mark.parametrize(
    ('part', 'expected'),
    [
        ([0, 0, 0, 0], False),
        ([0, 0, 1, 1], False),
        ([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0], False),
        ([0, 1, 0, 1], True),
        ([0, 0, 1, 0, 1, 1, 0, 1], True),
    ],
)
def test_parts_of_a_switch_do_not_alternate(part, expected):
    assert alternates(np.array(part)) == expected
    # more than half of the changes in random orders
    changes = [
        np.count_nonzero(np.diff(order)) for order in itertools.permutations(part[:8])
    ]
    if len(part) <= 8:
        assert (np.count_nonzero(np.diff(part)) > np.mean(changes) / 2) == expected


def test_strays_join_another_person_only_far_ahead_of_their_own():
    x = np.repeat(np.eye(3, dtype=np.float32), 4, 0)
    label = tracklet = np.arange(12) // 4
    for own, other, expected in ((0.5, 0.6, 0), (0.1, 0.9, 1), (0.3, 0.0, 0)):
        stray = np.array([[own, other, 0.2]], np.float32)
        result = assign_strays(
            np.concatenate([x, stray]),
            np.append(label, -1),
            np.zeros(13, np.int64),
            np.append(tracklet, 0),
        )
        assert result[-1] == expected
