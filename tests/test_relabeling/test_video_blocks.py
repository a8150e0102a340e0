from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamix.relabeling import video_blocks
from dynamix.relabeling.video_blocks import (
    block_of_videos,
    number_videos,
    rows_by_number,
    sample_rows,
    sample_videos,
)


@given(st.lists(st.integers(-1, 6), max_size=40))
def test_videos_are_numbered_by_first_appearance(video):
    number, size = number_videos(np.array(video, int))
    names = list(dict.fromkeys(video))
    assert [names[k] for k in number] == video
    assert size.tolist() == [video.count(name) for name in names]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=300))
def test_blocks_are_whole_videos_of_bounded_size(size):
    size = np.array(size)
    block = block_of_videos(size)
    assert block[0] == 0
    assert set(np.diff(block)) <= {0, 1}
    total = np.bincount(block, size)
    target = max(size.sum() // 64, 1)
    assert (total < target + size.max()).all()


def test_blocks_have_an_upper_limit():
    size = np.full(30000, 500)
    total = np.bincount(block_of_videos(size), size)
    assert total.max() <= (1 << 16) + 500
    assert len(total) > 200


@given(st.lists(st.integers(0, 4), max_size=30), st.booleans())
def test_rows_by_number(number, ordered):
    number = np.array(sorted(number) if ordered else number, int)
    found = rows_by_number(number, 5)
    for k in range(5):
        expected = np.flatnonzero(number == k)
        np.testing.assert_array_equal(np.arange(len(number))[found[k]], expected)
    if ordered:
        assert all(isinstance(rows, slice) for rows in found)


def test_sample_is_bounded_and_no_video_fills_it(monkeypatch):
    monkeypatch.setattr(video_blocks, 'SAMPLE', 1600)
    count = np.r_[np.full(100, 50), 100_000]
    np.testing.assert_array_equal(sample_videos(count[:20], 0), count[:20])
    for seed in range(5):
        taken = sample_videos(count, seed)
        assert (taken <= count).all()
        assert 1500 <= taken.sum() <= 1600
        assert taken[-1] in (0, 100)
        np.testing.assert_array_equal(taken, sample_videos(count, seed))
    assert sample_videos(np.array([100_000]), 0).tolist() == [100]


@pytest.mark.parametrize('seed', range(5))
def test_sample_rows_are_the_first_valid_ones(seed):
    rng = np.random.default_rng(seed)
    number, valid = rng.integers(0, 5, 60), rng.random(60) < 0.7
    taken = np.array([0, 3, 100, 1, 2])
    expected = [
        row
        for video in range(5)
        for row in np.flatnonzero((number == video) & valid)[: taken[video]]
    ]
    assert sample_rows(number, valid, taken).tolist() == expected
