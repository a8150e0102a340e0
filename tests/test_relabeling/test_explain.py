from __future__ import annotations

import numpy as np
import pytest

from dynamix.relabeling import Relabeling, RelabelReport, relabel
from dynamix.relabeling.explain import explain

from .conftest import add_errors, make_tracks


def joins_of(similarity: np.ndarray) -> list[float]:
    """Mean similarities of average linkage, the two nearest clusters first."""
    clusters = [[k] for k in range(len(similarity))]
    found = []
    while len(clusters) > 1:
        pairs = [
            (similarity[np.ix_(a, b)].mean(), i, j)
            for i, a in enumerate(clusters)
            for j, b in enumerate(clusters[:i])
        ]
        best, i, j = max(pairs)
        clusters[j] += clusters.pop(i)
        found.append(best)
    return sorted(found)


def tracks():
    return add_errors(make_tracks(images=12, videos=2, dim=64), 0.1)


def test_every_image_is_told_once_and_every_join_by_its_similarity():
    given = tracks()
    result = relabel(*given.columns)
    for video in (0, 1):
        told = explain(result, given.video, given.tracklet, video)
        rows = [part.rows for one in told.people for part in one.parts]
        mine = np.flatnonzero(given.video == video)
        assert sorted(np.concatenate(rows).tolist()) == mine.tolist()
        decisions = result.decisions.videos[video]
        assert told.threshold == decisions.threshold
        for one in told.people:
            for part in one.parts:
                assert (result.label[part.rows] == one.label).all()
                assert (given.tracklet[part.rows] == part.tracklet).all()
                labels = result.label[given.tracklet == part.tracklet]
                assert part.split == (len(np.unique(labels)) > 1)
            rows = np.flatnonzero(result.label == one.label)
            numbers = np.unique(result.decisions.part[rows])
            members = np.flatnonzero(np.isin(decisions.part, numbers[numbers >= 0]))
            joined = [p.joined_at for p in one.parts if p.joined_at is not None]
            if one.label >= 0:
                expected = joins_of(decisions.similarity[np.ix_(members, members)])
                assert sorted(joined) == pytest.approx(expected)
                assert all(s >= told.threshold - 1e-6 for s in joined)
    sizes = [len(one.parts) for one in told.people if one.label >= 0]
    assert sizes == sorted(sizes, reverse=True)


def test_the_nearest_person_is_one_that_could_have_been_joined():
    given = tracks()
    given.frame[:] = -1  # nothing co-occurs, so somebody is nearest to each
    result = relabel(*given.columns)
    told = explain(result, given.video, given.tracklet, 0)
    decisions = result.decisions.videos[0]
    label_of = np.array(
        [result.label[result.decisions.part == p][0] for p in decisions.part]
    )
    people = [one for one in told.people if one.label >= 0]
    assert len(people) > 2
    for one in people:
        means = {
            other.label: decisions.similarity[
                np.ix_(label_of == one.label, label_of == other.label)
            ].mean()
            for other in people
            if other is not one
        }
        assert one.nearest == max(means, key=means.get)
        assert one.nearest_similarity == pytest.approx(means[one.nearest])
        assert one.nearest_similarity < told.threshold
    together = make_tracks(fragments=1)
    told = explain(relabel(*together.columns), together.video, together.tracklet, 0)
    assert [one.nearest for one in told.people] == [-1] * 8, 'all were there together'


def test_strays_and_dropped_images():
    given = tracks()
    result = relabel(*given.columns)
    told = [explain(result, given.video, given.tracklet, video) for video in (0, 1)]
    people = [one for video in told for one in video.people]
    strays = [part for one in people for part in one.parts if part.stray]
    assert strays
    assert all((result.decisions.part[part.rows] == -1).all() for part in strays)
    label = result.label.copy()
    label[:3] = -1
    told = explain(result._replace(label=label), given.video, given.tracklet, 0)
    assert told.people[-1].label == -1
    assert 0 in told.people[-1].parts[0].rows


def test_groups_of_an_own_relabeler_are_told_without_similarities():
    label = np.array([0, 0, 1, 0, -1])
    tracklet = np.array([7, 7, 7, 8, 9])
    result = Relabeling(label, RelabelReport())
    told = explain(result, np.zeros(5, int), tracklet, 0)
    assert np.isnan(told.threshold)
    first, second, dropped = told.people
    assert [part.rows.tolist() for part in first.parts] == [[0, 1], [3]]
    assert [part.split for part in first.parts] == [True, False]
    assert second.parts[0].rows.tolist() == [2]
    assert dropped.parts[0].tracklet == 9
    assert first.nearest == -1
