from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets.samplers import SingleCameraPart, SingleCameraPlanner


def planner(video: Any, first_row: int = 0, **part: Any) -> SingleCameraPlanner:
    """Planner of rows after ``first_row`` multi-camera ones."""
    video = np.append(np.full(first_row, -1), video)
    return SingleCameraPlanner(video, first_row, SingleCameraPart(**part), 9)


def even(videos: int, people: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Video and identity of each image."""
    identity = np.repeat(np.arange(videos * people), images)
    return identity // people, identity


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_batches_of_any_labels(data: Any) -> None:
    count = data.draw(st.integers(1, 60))
    video = np.array(
        data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    )
    label = np.array(
        data.draw(st.lists(st.integers(-1, 4), min_size=count, max_size=count))
    )
    spans = data.draw(st.booleans())
    identity = np.where(label < 0, -1, label if spans else 10 * video + label)
    part = dict(
        videos=data.draw(st.integers(1, 4)),
        identities=data.draw(st.integers(1, 3)),
        images=data.draw(st.integers(1, 3)),
        window=data.draw(st.one_of(st.none(), st.integers(1, 6))),
    )
    sampler = planner(video, 100, **part)
    whole = np.append(np.arange(100), identity)
    if (identity < 0).all():
        with pytest.raises(ValueError, match='no single-camera image has'):
            sampler.plan(whole, 1, 2)
        return
    plan = sampler.plan(whole, 1, 2) - 100
    assert plan.shape == (2, part['videos'] * part['identities'] * part['images'])
    wanted = part['videos'] * part['identities']
    known = len(set(identity[identity >= 0].tolist()))
    for batch in plan.reshape(2, wanted, part['images']):
        people = identity[batch]
        assert (people >= 0).all()
        assert (people == people[:, :1]).all()
        # an identity is there once, if there are enough, and in one video
        assert len(set(people[:, 0].tolist())) == min(wanted, known)
        assert (video[batch] == video[batch][:, :1]).all()


def test_whole_videos_and_whole_tracklets_in_turn() -> None:
    video, identity = even(8, 4, 6)
    sampler = planner(video, videos=2, identities=2, images=3)
    plan = sampler.plan(identity, 0, 8)
    batches = video[plan].reshape(8, 2, 6)
    assert (batches == batches[:, :, :1]).all()
    # 16 visits are two to each video, and with them all of its four tracklets
    assert Counter(batches[:, :, 0].ravel().tolist()) == dict.fromkeys(range(8), 2)
    assert len(set(identity[plan].ravel().tolist())) == 32


def test_images_are_spread_over_time() -> None:
    video, identity = even(2, 2, 9)
    sampler = planner(video, videos=2, identities=2, images=3)
    seen = set()
    for epoch in range(40):
        rows = sampler.plan(identity, epoch, 1).reshape(-1, 3) % 9
        assert (rows // 3 == [0, 1, 2]).all()
        seen |= set(rows.ravel().tolist())
    assert seen == set(range(9))


def test_few_images_are_repeated_evenly() -> None:
    video, identity = even(1, 2, 2)
    rows = planner(video, videos=1, identities=2, images=5).plan(identity, 0, 3)
    for five in rows.reshape(-1, 5).tolist():
        assert sorted(Counter(five).values()) == [2, 3]


def test_small_videos_are_filled_up_from_others() -> None:
    # three videos of one person, one of four
    video = np.array([0, 1, 2, 3, 3, 3, 3])
    identity = np.arange(7)
    sampler = planner(video, videos=2, identities=2, images=1)
    for batch in sampler.plan(identity, 0, 20).tolist():
        assert len(set(batch)) == 4
        assert max(Counter(video[batch].tolist()).values()) == 2 or 3 in video[batch]


def test_a_window_without_enough_people_borrows_from_other_videos() -> None:
    video, identity = even(10, 1, 3)
    sampler = planner(video, videos=2, identities=2, images=1, window=2, pool='window')
    plan = sampler.plan(identity, 0, 4)
    inside = np.isin(video[plan], sampler.window(0))
    assert (inside.sum(axis=1) == 2).all()
    assert all(len(set(batch)) == 4 for batch in identity[plan].tolist())


def test_image_without_a_video_is_named() -> None:
    with pytest.raises(ValueError, match='image 102 belongs to no video'):
        planner([0, 1, -1], first_row=100)
