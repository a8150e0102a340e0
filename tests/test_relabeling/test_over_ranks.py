"""Any number of ranks finds what one finds; where one fails, all end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dynamix.relabeling import relabel, video_blocks

from .ranks import FIRST, centroids, make_scene, relabel_twice, run_ranks


@pytest.mark.parametrize('count', [2, 3])
def test_labels_and_report_are_those_of_one_rank(tmp_path, monkeypatch, count):
    scene = make_scene()
    expected = dict(whole=relabel_twice(scene, 0, 1))
    monkeypatch.setattr(video_blocks, 'SAMPLE', 1600)
    expected['sampled'] = relabel_twice(scene, 0, 1)
    assert expected['sampled'] != expected['whole']
    _, report, images = expected['whole'][0]
    assert images == 3600
    assert ' 0 splits' not in report
    assert ' 0 vetoes' not in report
    found = run_ranks('labels', count, tmp_path)
    for key, rounds in expected.items():
        for result in found:
            assert result is not None
            for (identity, text, _), (same, line, _) in zip(result[key], rounds):
                assert identity == same
                assert text == line
        parts = [result[key][0][2] for result in found]
        assert sum(parts) == 3600
        assert max(parts) <= 3600 / count + 300


def test_one_process_is_relabel():
    scene = make_scene()
    identity, report = relabel(
        scene.embedding, scene.video, scene.tracklet, frame=scene.frame,
        valid=scene.valid, first_identity=FIRST,
    )  # fmt: skip
    report.seconds = 0
    assert relabel_twice(scene, 0, 1)[0][:2] == (identity.tolist(), str(report))


@pytest.mark.parametrize('count', [2, 3])
def test_centroids_are_those_of_one_rank(tmp_path, count):
    expected = centroids(0, 1)['sharded=False']
    known = expected['initialized'].numpy()
    assert 0.5 < np.mean(known) < 1
    for rank, result in enumerate(run_ranks('centroids', count, tmp_path)):
        assert result is not None
        for key, value in expected.items():
            assert torch.equal(result['sharded=False'][key], value)
            if rank == 0:
                assert torch.equal(result['sharded=True'][key], value)


def test_a_rank_that_fails_ends_all_with_its_error(tmp_path):
    *others, last = run_ranks('failing', 3, tmp_path)
    assert last['error'].startswith('IndexError')
    for result in others:
        assert (
            'rank 2 failed in the relabeling of videos: IndexError' in result['error']
        )
        assert result['seconds'] < 20


@pytest.mark.parametrize(
    ('how', 'count', 'where'),
    [
        ('dying', 2, 'the relabeling of videos'),
        ('dying', 3, 'the relabeling of videos'),
        ('dying_in_the_exchange', 3, 'the exchange of labels'),
    ],
)
def test_a_rank_that_dies_ends_the_others(tmp_path, how, count, where):
    *others, last = run_ranks(how, count, tmp_path)
    assert last is None
    for rank, result in enumerate(others):
        assert f'rank {rank} lost the other ranks in {where}' in result['error']
        assert result['seconds'] < 20  # not the 60 of the timeout


def test_a_rank_that_hangs_ends_the_others_at_the_timeout(tmp_path):
    first, _ = run_ranks('hanging', 2, tmp_path, timeout=3, leave=True)
    assert 'rank 0 lost the other ranks in the relabeling' in first['error']
    assert 2 < first['seconds'] < 20
