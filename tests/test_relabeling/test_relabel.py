from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from dynamix.relabeling import relabel, relabel_by_density, score_labels
from dynamix.relabeling.linkage import link

from .conftest import Tracks, add_errors, f1, join, make_tracks


def test_fragments_are_joined_and_reported():
    tracks = make_tracks(videos=2)
    label, report, _ = relabel(*tracks.columns)
    assert adjusted_rand_score(tracks.person, label) == 1
    assert (report.images, report.embedded) == (288, 288)
    assert (report.videos, report.tracklets, report.merges) == (2, 48, 32)
    assert report.splits == report.drops == 0
    assert '32 merges' in str(report)


def test_errors_are_repaired():
    tracks = add_errors(make_tracks(images=12, dim=64), 0.1)
    before = f1(tracks.tracklet, tracks)
    label, report, _ = relabel(*tracks.columns)
    assert report.splits > 0
    assert f1(label, tracks) > 0.9 > before
    unsplit = relabel(*tracks.columns, split=False)
    assert unsplit.report.splits == unsplit.report.drops == 0


def test_decisions_are_what_linkage_was_given():
    tracks = add_errors(make_tracks(images=12, videos=2, dim=64), 0.1)
    label, report, decisions = relabel(*tracks.columns)
    assert len(decisions.videos) == report.videos
    for video in decisions.videos:
        group = np.array([label[decisions.part == p][0] for p in video.part])
        cluster = link(video.similarity, video.threshold, video.forbidden)
        np.testing.assert_array_equal(
            group[:, None] == group, cluster[:, None] == cluster
        )
    stray = decisions.part < 0
    assert 0 < stray.sum() < 0.2 * len(label)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_labels_are_numbered_by_appearance_within_videos(seed):
    tracks = add_errors(make_tracks(videos=2, noise=1.5, seed=seed), 0.2, seed)
    rows = np.random.default_rng(seed).permutation(len(tracks.x))
    tracks = tracks.take(rows)
    label = relabel(*tracks.columns).label
    assert label.dtype == np.int64
    kept = label[label >= 0]
    names, first = np.unique(kept, return_index=True)
    assert names.tolist() == list(range(len(names)))
    assert (np.diff(first) > 0).all()
    for name in names:
        assert len(np.unique(tracks.video[label == name])) == 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_whole_tracklets_that_share_a_frame_stay_apart(seed):
    tracks = make_tracks(noise=3.0, seed=seed)
    label = relabel(*tracks.columns, split=False).label
    for frame in np.unique(tracks.frame):
        here = label[tracks.frame == frame]
        assert len(np.unique(here)) == len(here)


@pytest.mark.parametrize('clock', [True, False])
def test_result_depends_on_no_order_name_length_or_rotation(clock):
    tracks = add_errors(make_tracks(videos=2, images=8, clock=clock), 0.1)
    rng = np.random.default_rng(0)
    expected = relabel(*tracks.columns).label
    # images of a tracklet stay in order of time
    rows = np.argsort(rng.permutation(1000)[tracks.tracklet], kind='stable')
    rotation, _ = np.linalg.qr(rng.normal(size=(32, 32)))
    scaled = tracks.x * rng.uniform(0.5, 2, (len(rows), 1))
    changed = Tracks(
        scaled @ rotation,
        7 - tracks.video,
        rng.permutation(1000)[tracks.tracklet],
        tracks.frame,
        tracks.person,
    ).take(rows)
    label = relabel(*changed.columns).label
    kept = expected[rows] >= 0
    assert ((label >= 0) == kept).all()
    assert adjusted_rand_score(expected[rows][kept], label[kept]) == 1


def test_rows_without_embedding_follow_their_tracklet():
    tracks = make_tracks()
    expected = relabel(*tracks.columns).label
    tracks.x[::6] = np.nan
    tracks.x[1::6] = 0
    tracks.x[2::6, 0] = np.inf
    tracks.x[tracks.tracklet == 5] = np.nan
    label, report, _ = relabel(*tracks.columns)
    assert report.embedded == 23 * 3
    assert (label >= 0).all()
    known = tracks.tracklet != 5
    assert adjusted_rand_score(expected[known], label[known]) == 1
    assert len(np.unique(label[~known])) == 1
    assert not np.isin(label[~known], label[known]).any()


def test_few_images_show_that_tracklets_co_occur():
    tracks = make_tracks(people=6, fragments=2, images=40)
    tracks.x[tracks.person == 1] = tracks.x[tracks.person == 0]
    # every tenth image of a tracklet, no two of the same frame
    some = tracks.take((tracks.frame - tracks.person) % 10 == 0)
    bound = relabel(*some.columns)
    assert bound.report.vetoes > 0
    a, b = (set(bound.label[some.person == p].tolist()) for p in (0, 1))
    assert not a & b
    assert relabel(*some.columns, clock=False).report.vetoes == 0


def untrained(tracks: Tracks) -> Tracks:
    x = np.random.default_rng(0).normal(size=tracks.x.shape)
    return Tracks(x, *tracks.columns[1:], tracks.person)


def alike(tracks: Tracks) -> Tracks:
    x = np.random.default_rng(0).normal(size=tracks.x.shape)
    return Tracks(1 + 1e-4 * x, *tracks.columns[1:], tracks.person)


CLEAN = make_tracks(fragments=1, images=12)
LONE = make_tracks(people=6, fragments=1, images=20)
LONE.frame = np.arange(len(LONE.x))
ONE = make_tracks(people=1, fragments=12)
MANY = add_errors(make_tracks(people=60, fragments=5, dim=128), 0.1)
CASES = dict(
    untrained=untrained(make_tracks()),
    untrained_no_clock=untrained(make_tracks(clock=False)),
    alike=alike(make_tracks()),
    equal=Tracks(np.ones((48, 4)), *make_tracks(fragments=1).columns[1:], [0] * 48),
    true_tracks=CLEAN,
    true_tracks_no_clock=make_tracks(fragments=1, images=12, clock=False),
    lone_people=LONE,
    lone_people_beside_others=join(LONE, make_tracks(videos=2, seed=1)),
    one_person=ONE,
    one_person_beside_others=join(ONE, make_tracks(videos=2, seed=1)),
    two_tracklets=make_tracks(people=2, fragments=1),
    one_tracklet=make_tracks(people=1, fragments=1),
    one_image_each=make_tracks(images=1),
    one_image=make_tracks(1, 1, 1),
    no_clock=make_tracks(videos=3, clock=False),
    clean_and_dirty=join(CLEAN, add_errors(make_tracks(images=12, seed=3), 0.2)),
    three_hundred_tracklets=MANY,
)


@pytest.mark.parametrize('name', CASES)
def test_never_worse_than_the_tracker(name):
    tracks = CASES[name]
    label = relabel(*tracks.columns).label
    assert f1(label, tracks) >= f1(tracks.tracklet, tracks) - 0.01


def test_one_person_merges_beside_others_and_lone_people_do_not():
    tracks = CASES['one_person_beside_others']
    label = relabel(*tracks.columns).label[tracks.video == 0]
    assert np.bincount(label[label >= 0]).max() > 0.8 * len(label)
    tracks = CASES['lone_people_beside_others']
    label = relabel(*tracks.columns).label[tracks.video == 0]
    assert len(np.unique(label)) == 6


def test_crops_unlike_everybody_are_dropped():
    tracks = make_tracks(images=12)
    junk = np.arange(5, len(tracks.x), 40)
    noise = np.random.default_rng(1).normal(size=(len(junk), 32))
    tracks.x[junk] = 3 * noise
    label = relabel(*tracks.columns).label
    others = np.delete(label, junk)
    assert (label[junk] < 0).mean() > 0.4
    assert (others < 0).mean() < 0.01
    assert (relabel(*tracks.columns, drop=False).label >= 0).all()


def test_no_rows():
    empty = np.empty(0, np.int64)
    label, report, _ = relabel(np.empty((0, 4)), empty, empty)
    assert len(label) == report.images == 0


def test_bad_input_is_refused():
    tracks = make_tracks()
    x, video, tracklet, frame = tracks.columns
    with pytest.raises(ValueError, match='frame must have shape'):
        relabel(x, video, tracklet, frame[:-1])
    with pytest.raises(ValueError, match='embedding must be'):
        relabel(x[0], video, tracklet)
    with pytest.raises(ValueError, match='one video'):
        relabel(x, np.arange(len(x)), tracklet)


def test_density_finds_people_without_tracklets():
    tracks = make_tracks(videos=2, noise=0.3)
    label, report, _ = relabel_by_density(tracks.x, tracks.video, eps=0.3)
    assert adjusted_rand_score(tracks.person, label) == 1
    assert report.threshold == pytest.approx(0.7)
    found = relabel_by_density(tracks.x, tracks.video, tracks.tracklet)
    assert f1(found.label, tracks) > 0.8
    with pytest.raises(ValueError, match='eps'):
        relabel_by_density(tracks.x, np.zeros_like(tracks.video))


def test_people_who_pass_once_are_not_joined_with_look_alikes():
    # Each of many people has one tracklet, which overlaps that of the next.
    tracks = make_tracks(people=60, fragments=1, videos=2, dim=8, noise=0.3)
    tracks.frame += 4 * tracks.person
    label, report, _ = relabel(*tracks.columns)
    assert score_labels(label, tracks.person, tracks.video)['f1'] > 0.97
    assert report.threshold == np.inf
    # By the same embeddings, fragments are joined where there are any.
    tracks = make_tracks(people=12, fragments=5, videos=2, dim=16, noise=0.2)
    before = score_labels(tracks.tracklet, tracks.person, tracks.video)
    after = score_labels(relabel(*tracks.columns).label, tracks.person, tracks.video)
    assert after['f1'] > before['f1'] + 0.4


def test_people_of_a_video_who_are_in_another_video_too():
    one = make_tracks(people=6, fragments=4, noise=0.3, seed=1)
    two = make_tracks(people=6, fragments=4, noise=0.3, seed=1)
    two.x += 0.02 * np.random.default_rng(0).normal(size=two.x.shape)
    both = join(one, two)
    score = score_labels(relabel(*both.columns).label, both.person, both.video)
    assert score['f1'] > 0.99


def test_few_odd_images_of_a_long_tracklet_stay_in_it():
    tracks = make_tracks(people=6, fragments=1, images=60, noise=0.3)
    odd = np.flatnonzero(tracks.tracklet == 2)[20:24]
    tracks.x[odd] -= 0.7 * tracks.x[odd].mean(0)
    tracks.x[odd] += 0.6 * np.random.default_rng(0).normal(size=32) / np.sqrt(32)
    label = relabel(*tracks.columns).label
    assert (label == label[tracks.tracklet == 2][0]).sum() == 60


@pytest.mark.parametrize('beside', [False, True])
def test_video_of_one_person_is_not_split(beside):
    tracks = make_tracks(people=1, fragments=2, images=30, noise=1.0)
    if beside:
        tracks = join(tracks, make_tracks(people=6, videos=2, seed=1))
    label = relabel(*tracks.columns).label
    own = tracks.video == 0
    assert (label >= 0)[own].all()
    assert f1(label[own], tracks.take(own)) >= f1(
        tracks.tracklet[own], tracks.take(own)
    )


def test_a_switch_in_the_only_tracklet_of_a_video_is_found_beside_others():
    alone = make_tracks(people=2, fragments=1, images=20, dim=64, seed=5)
    alone.tracklet[:] = 0
    both = join(alone, make_tracks(videos=2, images=12, dim=64))
    assert relabel(*alone.columns).report.splits == 0
    label = relabel(*both.columns).label[both.video == 0]
    assert adjusted_rand_score(alone.person, label) == 1
