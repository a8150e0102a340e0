from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dynamix.datasets.samplers import GroupedRows


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 5)), max_size=60),
    st.booleans(),
)
def test_equals_a_dict_of_lists(pairs: list[tuple[int, int]], ordered: bool) -> None:
    pairs = sorted(pairs) if ordered else pairs
    group, member = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    rows = 100 + np.arange(len(pairs))
    expected: dict[int, dict[int, list[int]]] = {}
    for (g, m), row in zip(pairs, rows.tolist()):
        expected.setdefault(g, {}).setdefault(m, []).append(row)

    index = GroupedRows(group, member, rows)
    found: dict[int, dict[int, list[int]]] = {}
    for number, g in enumerate(index.group.tolist()):
        for m in range(*index.group_start[number : number + 2].tolist()):
            first, last = index.member_start[m : m + 2]
            found.setdefault(g, {})[int(index.member[m])] = index.rows[
                first:last
            ].tolist()
    assert found == expected
    assert index.group.tolist() == sorted(expected)
    assert index.group_size.tolist() == [len(expected[g]) for g in sorted(expected)]
    assert index.group_rows.tolist() == [
        sum(map(len, expected[g].values())) for g in sorted(expected)
    ]
