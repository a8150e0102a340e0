from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamix.relabeling import VideoSplit
from dynamix.relabeling.video_split import deal_blocks


@given(
    video=st.lists(st.integers(0, 20), max_size=60),
    count=st.integers(1, 4),
    contiguous=st.booleans(),
)
def test_every_image_has_one_owner(video, count, contiguous):
    video = np.array(sorted(video) if contiguous else video, int)
    splits = [VideoSplit(video, rank, count) for rank in range(count)]
    rows = [split.rows for split in splits]
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(video)))
    owner = {}
    for rank, split in enumerate(splits):
        assert (np.diff(rows[rank]) > 0).all()
        assert len(split) == len(rows[rank])
        assert split.num_images == len(video)
        asked = np.arange(-1, len(video))
        expected = {row: place for place, row in enumerate(rows[rank].tolist())}
        assert split.local(asked).tolist() == [expected.get(r, -1) for r in asked]
        for name in video[rows[rank]].tolist():
            assert owner.setdefault(name, rank) == rank
        here = np.concatenate([np.arange(len(split))[b] for b in split.blocks] or [[]])
        assert sorted(here.tolist()) == list(range(len(split)))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(1, 3))
def test_blocks_do_not_depend_on_the_number_of_ranks(sizes, count):
    video = np.repeat(np.arange(len(sizes)), sizes)

    def blocks(rank, count):
        split = VideoSplit(video, rank, count)
        return [split.rows[block].tolist() for block in split.blocks]

    dealt = [block for rank in range(count) for block in blocks(rank, count)]
    assert sorted(dealt) == blocks(0, 1)


def test_ranks_have_about_as_many_images():
    rng = np.random.default_rng(0)
    size = np.sort(rng.pareto(1.5, 500) * 200).astype(int) + 1
    video = np.repeat(np.arange(500), size)
    for count in (2, 3, 8):
        have = [len(VideoSplit(video, rank, count)) for rank in range(count)]
        assert max(have) < 1.1 * len(video) / count + size.max()


def test_deal_by_hand():
    assert deal_blocks(np.array([5, 9, 4, 1]), 2).tolist() == [1, 0, 1, 0]
    assert deal_blocks(np.array([3]), 2).tolist() == [0]


def test_row_map_is_small_where_videos_are_contiguous():
    split = VideoSplit(np.repeat(np.arange(200), 500), 1, 3)
    assert len(split._start) + len(split._stop) + len(split._offset) < 3 * 200
    assert all(isinstance(block, slice) for block in split.blocks)


def test_rank_is_checked():
    with pytest.raises(ValueError, match=r'0\.\.1.*2'):
        VideoSplit(np.zeros(3), 2, 2)
