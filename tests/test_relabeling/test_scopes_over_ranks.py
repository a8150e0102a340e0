"""The global and the density scope find on two ranks what they find on one."""

from __future__ import annotations

import numpy as np
import pytest

from dynamix.relabeling import (
    DensityRule,
    GlobalRule,
    RelabelRule,
    TrackedImages,
    VideoSplit,
    relabel,
    relabel_by_density,
    relabel_globally,
    relabel_globally_over_ranks,
    score_labels,
    video_blocks,
)

from .ranks import FIRST, make_city, relabel_by_scopes, run_ranks


def same_partition(a, b):
    pairs = {*zip(a.tolist(), b.tolist())}
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


def find_within_videos(city):
    return relabel(
        city.embedding, city.video, city.tracklet, frame=city.frame, valid=city.valid,
        first_identity=FIRST,
    ).identity  # fmt: skip


@pytest.fixture(scope='module')
def city():
    return make_city()


@pytest.fixture(scope='module')
def alone(city):
    return relabel_by_scopes(city, 0, 1)


def test_labels_and_reports_are_those_of_one_rank(city, alone, monkeypatch, tmp_path):
    monkeypatch.setattr(video_blocks, 'SAMPLE', 1600)
    expected = dict(whole=alone, sampled=relabel_by_scopes(city, 0, 1))
    assert expected['sampled'] != expected['whole']
    for result in run_ranks('scopes', 2, tmp_path):
        assert result is not None
        for sample, turns in expected.items():
            for turn, (identity, report) in turns.items():
                assert result[sample][turn] == (identity, report), (sample, turn)


def test_a_failure_on_rank_0_ends_all(tmp_path):
    first, second = run_ranks('failing_in_the_merging', 2, tmp_path)
    assert first['error'].startswith('IndexError')
    assert 'rank 0 failed in the merging of identities' in second['error']


def test_people_are_found_across_videos(city, alone):
    shown = np.where(city.tracklet >= 0, city.person, -1)
    identity, report = alone['global first']
    assert 'across videos)' in report
    assert 'REFUSED' not in report
    score = score_labels(np.array(identity), shown)
    # the scene's frames forbid some true merges
    within = score_labels(find_within_videos(city), shown)
    assert score['recall'] > 1.5 * within['recall']
    assert score['precision'] > 0.95
    # from labels that lie in several videos, the same is found again
    assert alone['global second'][0] == identity
    by_density = np.array(alone['dbscan first'][0])
    assert 'REFUSED' not in alone['dbscan first'][1]
    assert score_labels(by_density, city.person, city.video)['f1'] > 0.9


def test_one_process_is_the_plain_functions(city, alone):
    also = dict(valid=city.valid, current=city.tracklet, first_identity=FIRST)
    plain = relabel_globally(
        city.embedding, city.video, find_within_videos(city), frame=city.frame,
        rule=GlobalRule(device='cpu'), **also,
    )  # fmt: skip
    assert same_partition(plain.identity, np.array(alone['global first'][0]))
    assert plain.report.merges == plain.report.across > 10
    plain = relabel_by_density(
        city.embedding, city.video, rule=DensityRule(device='cpu'), **also
    )
    assert plain.identity.tolist() == alone['dbscan first'][0]


def test_where_nothing_merges_across_videos_the_first_step_stays(city):
    split = VideoSplit(city.video)
    rng = np.random.default_rng(0)
    images = TrackedImages(
        rng.normal(size=city.embedding.shape),
        city.valid,
        city.video,
        city.tracklet,
        city.frame,
    )
    rule = RelabelRule(split=False)
    found = relabel_globally_over_ranks(
        images, split, city.tracklet, GlobalRule(device='cpu'), video_rule=rule,
        first_identity=FIRST,
    )  # fmt: skip
    assert 'across videos' in found.report.refused
    expected = relabel(
        images.embedding, city.video, city.tracklet, frame=city.frame,
        valid=city.valid, rule=rule, first_identity=FIRST,
    )  # fmt: skip
    np.testing.assert_array_equal(found.identity, expected.identity)
    assert found.report.tracklets == expected.report.tracklets
    assert found.report.splits == 0


def test_the_guard_looks_at_the_result(city):
    images = TrackedImages(
        city.embedding, city.valid, city.video, city.tracklet, city.frame
    )
    found = relabel_globally_over_ranks(
        images, VideoSplit(city.video), city.tracklet,
        GlobalRule(device='cpu', max_changed=0.1), first_identity=FIRST,
    )  # fmt: skip
    assert 'max_changed=10.0%' in found.report.refused
    np.testing.assert_array_equal(found.identity, city.tracklet)
    with pytest.raises(ValueError, match='current must have shape'):
        relabel_globally_over_ranks(
            images, VideoSplit(city.video), city.tracklet[1:], GlobalRule()
        )
