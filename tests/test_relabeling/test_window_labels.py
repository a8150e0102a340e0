from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dynamix.relabeling.window_labels import (
    label_all_images,
    name_groups,
    spread_evenly,
)

columns = st.lists(st.integers(-1, 4), max_size=40).map(np.array)


@given(tracklet=columns, count=st.one_of(st.none(), st.integers(1, 5)))
def test_spread_evenly(tracklet: np.ndarray, count: int | None) -> None:
    tracklet = tracklet.astype(int)
    chosen = spread_evenly(tracklet, count)
    assert (np.diff(chosen) > 0).all()
    size = Counter(tracklet[tracklet >= 0].tolist())
    expected = {t: n if count is None else min(n, count) for t, n in size.items()}
    assert Counter(tracklet[chosen].tolist()) == expected


def test_images_are_chosen_in_the_middle_of_equal_parts() -> None:
    tracklet = np.repeat([5, 3], [8, 3])
    assert spread_evenly(tracklet, 4).tolist() == [1, 3, 5, 7, 8, 9, 10]
    assert spread_evenly(tracklet, 1).tolist() == [4, 9]


def slow_label_all(
    group: np.ndarray, position: np.ndarray, tracklet: np.ndarray
) -> list[int]:
    known = dict(zip(position.tolist(), group.tolist()))
    result = []
    for image, own in enumerate(tracklet.tolist()):
        if own < 0:
            result.append(-1)
            continue
        if image in known:
            result.append(known[image])
            continue
        mates = [p for p, g in known.items() if g >= 0 and tracklet[p] == own]
        before = [p for p in mates if p < image]
        after = [p for p in mates if p > image]
        near = {known[p] for p in before[-1:] + after[:1]}
        result.append(near.pop() if len(near) == 1 else -1)
    return result


@given(tracklet=columns, data=st.data())
def test_label_all_images_against_a_loop(
    tracklet: np.ndarray, data: st.DataObject
) -> None:
    tracklet = tracklet.astype(int)
    present = np.flatnonzero(tracklet >= 0)
    chosen = data.draw(
        st.lists(st.booleans(), min_size=len(present), max_size=len(present))
    )
    position = present[np.array(chosen, bool)]
    size = len(position)
    groups = data.draw(st.lists(st.integers(-1, 3), min_size=size, max_size=size))
    group = np.array(groups, int)
    found = label_all_images(group, position, tracklet)
    assert found.tolist() == slow_label_all(group, position, tracklet)


def test_images_at_a_switch_get_no_label() -> None:
    tracklet = np.zeros(9, int)
    found = label_all_images(np.array([0, 0, -1, 1]), np.array([0, 3, 4, 7]), tracklet)
    assert found.tolist() == [0, 0, 0, 0, -1, -1, -1, 1, 1]


def test_names_of_merged_split_and_dropped_groups() -> None:
    tracklet = np.array([10, 10, 11, 11, 11, 12, 12, 13, 13])
    # 10 and 11 merge, 12 is divided in two, 13 is dropped
    group = np.array([0, 0, 0, 0, 0, 1, 2, -1, -1])
    names = np.array([10, 11, 12, 13])
    found = name_groups(group, tracklet, names, 50)
    assert found.tolist() == [11] * 5 + [12, 10, -1, -1]
    # more groups than tracklets: numbers of the window are used before new ones
    every = name_groups(np.arange(9), tracklet, np.append(names, 40), 50)
    assert set(every.tolist()) == {10, 11, 12, 13, 40, 50, 51, 52, 53}
    assert name_groups(np.full(2, -1), np.array([4, 4]), names, 50).tolist() == [-1, -1]


@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 4)), max_size=40))
def test_groups_keep_apart_and_together(rows: list[tuple[int, int]]) -> None:
    group = np.array([g for g, _ in rows], int)
    tracklet = np.array([t for _, t in rows], int)
    found = name_groups(group, tracklet, np.unique(tracklet), 5)
    pairs = set(zip(group.tolist(), found.tolist()))
    for side in (0, 1):
        assert len({pair[side] for pair in pairs}) == len(pairs)


def test_unchanged_tracklets_keep_their_numbers() -> None:
    tracklet = np.array([7, 9, 9, 8])
    found = name_groups(np.array([0, 1, 1, 2]), tracklet, np.arange(20), 30)
    assert found.tolist() == tracklet.tolist()
