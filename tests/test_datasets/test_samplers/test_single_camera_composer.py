from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dynamix.datasets.samplers import SingleCameraComposer, SingleCameraPart

FIRST = 1000  # rows of multi-camera images before


def make(identity: Any, video: Any, seed: int = 0, **part: Any) -> SingleCameraComposer:
    labels = [np.asarray(column, np.int64) for column in (identity, video)]
    return SingleCameraComposer(*labels, FIRST, SingleCameraPart(**part), seed)


def check_segments(rows: np.ndarray, own: np.ndarray) -> None:
    """One row of each of the equal segments of ``own``, in order."""
    place = np.searchsorted(own, rows)
    assert (own[place] == rows).all()
    for number, found in enumerate(place.tolist()):
        first = number * len(own) // len(rows)
        last = (number + 1) * len(own) // len(rows) - 1
        assert first <= found <= max(first, last)


@given(
    st.lists(
        st.tuples(st.integers(-1, 20), st.integers(0, 5)), min_size=1, max_size=90
    ),
    st.booleans(),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_every_batch_is_exact(
    labels: list[tuple[int, int]],
    global_scope: bool,
    videos: int,
    identities: int,
    images: int,
    seed: int,
) -> None:
    identity, video = np.array(labels).T
    if not global_scope:  # no identity in two videos
        identity = np.where(identity < 0, -1, identity * 6 + video)
    found = len(set(identity.tolist()) - {-1})
    assume(found >= videos * identities)
    composer = make(
        identity, video, seed, videos=videos, identities=identities, images=images
    )
    assert composer.num_identities == found
    batches = np.array([0, 1, 2, 3, 50, 10**8])
    rows = composer.compose(batches) - FIRST
    assert rows.shape == (6, videos * identities * images)
    kept = identity >= 0
    sizes = {v: len(set(identity[kept & (video == v)])) for v in set(video[kept])}
    for batch in rows.reshape(6, videos, identities, images):
        owner, place = identity[batch], video[batch]
        assert (owner >= 0).all()
        assert (np.ptp(owner, axis=2) == 0).all()
        assert (np.ptp(place, axis=2) == 0).all()
        owner, place = owner[..., 0], place[..., 0]
        assert len(set(owner.ravel().tolist())) == videos * identities
        for drawn in batch.reshape(-1, images):
            same = (identity == identity[drawn[0]]) & (video == video[drawn[0]])
            check_segments(drawn, np.flatnonzero(same))
        if global_scope:
            continue
        per_video = Counter(place.ravel().tolist())
        # All videos together can give so many without one giving too many.
        supply = sum(min(size, identities) for size in sizes.values())
        if supply >= videos * identities:
            assert max(per_video.values()) <= identities
        if len(sizes) >= videos and min(sizes.values()) >= identities:
            assert (np.ptp(place, axis=1) == 0).all()
            assert len(per_video) == videos


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    rng = np.random.default_rng(1)
    video = rng.integers(0, 20, 800)
    # Small videos and identities that span videos: all paths.
    identity = np.where(video < 8, 300 + video, rng.integers(0, 100, 800))
    composer = make(identity, video, 7, videos=6, identities=2, images=4)
    together = composer.compose(np.arange(60))
    alone = np.concatenate([composer.compose(np.array([b])) for b in range(60)])
    assert (together == alone).all()
    other = make(identity, video, 8, videos=6, identities=2, images=4)
    assert (other.compose(np.arange(60)) != together).mean() > 0.9


def regular(videos: int, identities: int, images: int) -> tuple[Any, Any]:
    identity = np.repeat(np.arange(videos * identities), images)
    return identity, identity // identities


def test_videos_and_their_identities_are_walked_through() -> None:
    identity, video = regular(10, 5, 3)
    composer = make(identity, video, videos=4, identities=2, images=1)
    # 10 // 4 = 2 batches a walk; 5 // 2 = 2 visits of a video in a walk of its own.
    rows = composer.compose(np.arange(1000)) - FIRST
    drawn = rows.reshape(500, 8, 2)
    for walk in video[drawn][..., 0]:
        assert len(set(walk.tolist())) == 8
    visits = {
        (walk, int(video[pair[0]])): set(identity[pair].tolist())
        for walk, pairs in enumerate(drawn)
        for pair in pairs
    }
    met = 0
    for (walk, number), taken in visits.items():
        following = visits.get((walk + 1, number))
        if walk % 2 == 0 and following is not None:
            assert not taken & following
            met += 1
    assert met > 1000
    for counts in (
        np.bincount(video[rows.ravel()], minlength=10) / 2,
        np.bincount(identity[rows.ravel()], minlength=50),
        np.bincount(rows.ravel(), minlength=150),
    ):
        assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


def test_missing_identities_come_from_further_videos() -> None:
    # Videos 0..9 have one identity, 10..19 have six.
    video = np.concatenate([np.arange(10), np.repeat(np.arange(10, 20), 6)])
    identity = np.arange(len(video))
    composer = make(identity, video, videos=4, identities=3, images=1)
    places = video[composer.compose(np.arange(500)) - FIRST].reshape(500, 4, 3)
    assert (places[..., 0] < 10).any()
    for batch in places:
        counts = Counter(batch.ravel().tolist())
        assert max(counts.values()) <= 3
        for group in batch:
            if group[0] >= 10:
                assert (group == group[0]).all()
            else:  # one own identity, the others from videos that are not primary
                assert not set(group[1:].tolist()) & set(batch[:, 0].tolist())


def test_fewer_videos_than_wanted() -> None:
    identity, video = regular(3, 10, 2)
    composer = make(identity, video, videos=8, identities=2, images=2)
    rows = composer.compose(np.arange(50)) - FIRST
    for batch in identity[rows][:, ::2]:
        assert len(set(batch.tolist())) == 16
    counts = np.bincount(identity[rows].ravel(), minlength=30)
    assert counts.min() > 0


def few_videos(tracklets: int, spans: bool) -> SingleCameraComposer:
    """Four videos, fewer than a batch of 8 x 2 wants; or with people in all of them."""
    identity = np.repeat(np.arange(tracklets), 2)
    video = identity % 4
    if spans:
        identity //= 8
    return make(identity, video, videos=8, identities=2, images=2)


@pytest.mark.parametrize('spans', [False, True])
def test_with_few_videos_a_batch_depends_on_seed_and_number_alone(spans: bool) -> None:
    composer = few_videos(400, spans)
    together = composer.compose(np.arange(200))
    alone = np.concatenate([composer.compose(np.array([b])) for b in range(200)])
    assert (together == alone).all()
    identity = (together - FIRST)[:, ::2] // (16 if spans else 2)
    assert all(len(set(batch.tolist())) == 16 for batch in identity)
    counts = np.bincount(identity.ravel())
    assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())
    if spans:  # each person in each of the four videos
        counts = np.bincount((together - FIRST).ravel() // 2 % 4)
        assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


@pytest.mark.parametrize('spans', [False, True])
def test_cost_of_a_batch_does_not_grow_with_the_data(spans: bool) -> None:
    peaks = []
    for tracklets in (400, 40_000):
        composer = few_videos(tracklets, spans)
        composer.compose(np.arange(2))
        tracemalloc.start()
        composer.compose(np.arange(2, 4))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_the_stream_of_ordinary_data_is_that_of_former_versions() -> None:
    identity, video = regular(60, 7, 9)
    rows = make(identity, video, 5, videos=8, identities=3, images=4).compose(
        np.arange(40)
    )
    assert crc32(rows.astype('<i8').tobytes()) == 407956095


def test_as_many_identities_as_the_batch_takes() -> None:
    composer = make(
        np.arange(16), np.arange(16) // 16, videos=8, identities=2, images=1
    )
    rows = np.sort(composer.compose(np.arange(9)), axis=1) - FIRST
    assert (rows == np.arange(16)).all()


def test_balance_can_change() -> None:
    identity, video = regular(12, 8, 2)
    composer = make(identity, video, videos=8, identities=2, images=2)
    rows = composer.compose(np.arange(20), balance=(2, 8)) - FIRST
    places = video[rows].reshape(20, 2, 16)
    assert (np.ptp(places, axis=2) == 0).all()
    assert (places[:, 0, 0] != places[:, 1, 0]).all()


def test_too_few_identities() -> None:
    with pytest.raises(
        ValueError,
        match=r'8 videos x 2 identities = 16 different identities.* have 3 with images '
        r'\(2 videos, 4 of 5 images not dropped\)',
    ):
        make([5, 5, 6, 7, -1], [0, 0, 0, 1, 2])
    with pytest.raises(ValueError, match='have 0 with images'):
        make([-1, -1], [0, 0])
    with pytest.raises(ValueError, match='have 0 with images'):
        make([], [])


def test_image_without_a_video() -> None:
    with pytest.raises(ValueError, match='image 1002 belongs to no video'):
        make([0, 1, 2], [0, 0, -1], videos=1, identities=1)
    make([0, 1, -1], [0, 0, -1], videos=1, identities=1)  # dropped: not looked at
