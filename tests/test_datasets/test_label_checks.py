from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets.label_checks import check_split

ROWS = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(0, 2), st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS)
def test_counts_like_two_loops(rows) -> None:
    identity, camera, query, gallery = (np.array(column) for column in zip(*rows))
    found = check_split(identity, camera, query, gallery)
    assert found.queries == sum(query)
    assert found.gallery == sum(gallery)
    same = [[g for g in rows if g[3] and g[0] == q[0]] for q in rows if q[2]]
    cameras = [q[1] for q in rows if q[2]]
    assert found.without_image == sum(not images for images in same)
    assert found.without_match == sum(
        all(g[1] == own for g in images) for own, images in zip(cameras, same)
    )
