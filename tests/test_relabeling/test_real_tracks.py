"""Label quality on real tracklets, which are not part of the project."""

from __future__ import annotations

import numpy as np
import pytest

from dynamix.relabeling import relabel

from .conftest import add_errors, f1, load_tracks


@pytest.mark.parametrize(
    ('name', 'mark'),
    [
        ('ground_truth_tracks', 0.99),
        ('cut_tracks', 0.95),
        ('cut_tracks_10_percent_errors', 0.80),
        ('bytetrack_buffer30', 0.90),
        ('bytetrack_buffer2', 0.90),
    ],
)
def test_real_tracker(name, mark):
    tracks = load_tracks(f'pets09_s2l1/{name}.npz')
    assert f1(relabel(*tracks.columns).label, tracks) >= mark


def test_real_tracklets_without_clock():
    tracks = load_tracks('relabeling_stress/good.npz')
    assert f1(relabel(*tracks.columns).label, tracks) >= 0.90
    tracks = add_errors(tracks, 0.1)
    assert f1(relabel(*tracks.columns).label, tracks) >= 0.80


@pytest.mark.parametrize('clock', [True, False])
@pytest.mark.parametrize(
    'name',
    ['ground_truth_tracks', 'cut_tracks_10_percent_errors', 'bytetrack_buffer30'],
)
def test_few_people_by_few_images_are_never_worse_than_the_tracker(name, clock):
    whole = load_tracks(f'pets09_s2l1/{name}.npz')
    if not clock:
        whole.frame[:] = -1
    rng = np.random.default_rng(0)
    people = np.unique(whole.person[whole.person >= 0])
    for count in (1, 2, 3, 5, len(people)):
        shown = np.isin(whole.person, rng.choice(people, count, replace=False))
        rows = np.flatnonzero(shown)
        shuffled = rows[np.lexsort((rng.random(len(rows)), whole.tracklet[rows]))]
        _, place, size = np.unique(
            whole.tracklet[shuffled], return_index=True, return_counts=True
        )
        rank = np.arange(len(rows)) - np.repeat(place, size)
        for some in (rows, np.sort(shuffled[rank < 4])):
            tracks = whole.take(some)
            label = relabel(*tracks.columns).label
            assert f1(label, tracks) >= f1(tracks.tracklet, tracks) - 0.01
