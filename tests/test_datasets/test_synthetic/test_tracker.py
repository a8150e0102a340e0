from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dynamix.datasets.synthetic.tracker import VideoLayout, track_videos


def clean(**options) -> VideoLayout:
    return VideoLayout(**{**dict(switch_rate=0.0, stray_rate=0.0), **options})


def people_of_tracklets(tracked) -> list[Counter]:
    people = [Counter() for _ in range(int(tracked.tracklet.max()) + 1)]
    for tracklet, person in zip(tracked.tracklet.tolist(), tracked.person.tolist()):
        people[tracklet][person] += 1
    return people


def test_rows_are_sorted_and_dense():
    tracked = track_videos(VideoLayout(num_videos=50), seed=1)
    assert [column.dtype for column in tracked] == [np.int32] * 4
    tracklet = tracked.tracklet
    steps = np.diff(tracklet)
    assert tracklet[0] == 0
    assert set(steps.tolist()) == {0, 1}
    assert set(np.diff(tracked.video).tolist()) == {0, 1}
    assert (np.diff(tracked.frame)[steps == 0] > 0).all()
    assert (tracked.frame >= 0).all()
    assert (tracked.frame % 3 == 0).all()


@pytest.mark.parametrize('switch_rate', [0.0, 0.05, 0.4])
def test_nobody_is_in_two_places_at_once(switch_rate):
    layout = VideoLayout(num_videos=80, switch_rate=switch_rate, stray_rate=0.0)
    tracked = track_videos(layout, seed=2)
    seen = list(
        zip(tracked.video.tolist(), tracked.frame.tolist(), tracked.person.tolist())
    )
    assert len(set(seen)) == len(seen)
    shared = Counter(zip(tracked.video.tolist(), tracked.frame.tolist()))
    assert np.mean([count > 1 for count in shared.values()]) > 0.4


@pytest.mark.parametrize('fragments', [1.0, 1.3, 4.0])
def test_fragments(fragments):
    tracked = track_videos(clean(num_videos=400, fragments=fragments), seed=0)
    people = people_of_tracklets(tracked)
    assert {len(counter) for counter in people} == {1}
    pieces = Counter(next(iter(counter)) for counter in people)
    assert np.mean(list(pieces.values())) == pytest.approx(fragments, rel=0.06)


def test_lengths_and_people():
    layout = clean(num_videos=300, people_per_video=(2, 5), images_per_tracklet=10)
    tracked = track_videos(layout, seed=0)
    lengths = np.bincount(tracked.tracklet)
    assert lengths.mean() == pytest.approx(10, rel=0.05)
    assert 5 <= lengths.min() < lengths.max() <= 15
    pairs = np.unique(np.stack([tracked.video, tracked.person]), axis=1)
    counts = np.bincount(pairs[0])
    assert set(counts.tolist()) == {2, 3, 4, 5}


@pytest.mark.parametrize('rate', [0.05, 0.2, 0.4])
def test_switches(rate):
    tracked = track_videos(clean(num_videos=200, switch_rate=rate), seed=0)
    people = people_of_tracklets(tracked)
    assert np.mean([len(counter) == 2 for counter in people]) == pytest.approx(
        rate, abs=0.002
    )
    # A switch passes once from one person to the other.
    change = (np.diff(tracked.person) != 0) & (np.diff(tracked.tracklet) == 0)
    assert change.sum() == sum(len(counter) == 2 for counter in people)


def test_switches_keep_what_is_seen():
    plain = track_videos(clean(num_videos=60), seed=4)
    switched = track_videos(clean(num_videos=60, switch_rate=0.3), seed=4)

    def seen(tracked):
        columns = np.stack([tracked.video, tracked.frame, tracked.person])
        return columns[:, np.lexsort(columns)]

    np.testing.assert_array_equal(seen(plain), seen(switched))


def test_strays():
    plain = track_videos(clean(num_videos=300), seed=0)
    tracked = track_videos(clean(num_videos=300, stray_rate=0.1), seed=0)
    changed = tracked.person != plain.person
    assert changed.mean() == pytest.approx(0.1, rel=0.1)
    assert (tracked.person[changed] < 0).mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(tracked.tracklet, plain.tracklet)
    other = changed & (tracked.person >= 0)
    home = np.zeros(plain.person.max() + 1, int)
    home[plain.person] = plain.video
    np.testing.assert_array_equal(home[tracked.person[other]], tracked.video[other])


def test_a_lonely_person_strays_to_nobody():
    layout = VideoLayout(
        num_videos=50, people_per_video=(1, 1), switch_rate=0.0, stray_rate=0.3
    )
    tracked = track_videos(layout, seed=0)
    expected = np.where(tracked.person < 0, -1, tracked.video)
    np.testing.assert_array_equal(tracked.person, expected)
    assert (tracked.person < 0).mean() == pytest.approx(0.3, rel=0.2)


@pytest.mark.parametrize(
    'option',
    [
        dict(num_videos=0),
        dict(people_per_video=5),
        dict(people_per_video=(3, 2)),
        dict(people_per_video=(3, 4, 5)),
        dict(images_per_tracklet=1),
        dict(fragments=0.5),
        dict(switch_rate=1.5),
        dict(stray_rate=-0.1),
        dict(stray_rate=float('nan')),
    ],
)
def test_bad_option_is_named(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        VideoLayout(**option)
