from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from dynamix.evaluation import (
    Ranking,
    RankingLabels,
    feature_scores,
    rank_blocks,
    ranking,
)

from .reference import rank_distances, slow_ranking


def assert_same(found: Ranking, expected: Ranking) -> None:
    np.testing.assert_array_equal(found.first_match, expected.first_match)
    np.testing.assert_allclose(
        found.average_precision, expected.average_precision, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        found.inverse_penalty, expected.inverse_penalty, rtol=0, atol=1e-12
    )
    assert found.num_junk == expected.num_junk
    assert found.num_same_camera == expected.num_same_camera
    assert found.num_no_match == expected.num_no_match


@st.composite
def problems(draw: st.DrawFn, levels: int = 4) -> tuple[np.ndarray, RankingLabels]:
    """Small problems full of ties, junk, distractors and queries without a match."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num_queries, num_gallery = draw(st.integers(1, 9)), draw(st.integers(1, 14))
    people = draw(st.integers(1, 5))
    images = rng.permutation(num_queries + num_gallery)
    cameras = rng.integers(0, 3, num_queries), rng.integers(0, 3, num_gallery)
    images = images[:num_queries], rng.integers(0, len(images), num_gallery)
    labels = RankingLabels(
        rng.integers(-1, people, num_queries),
        rng.integers(-1, people, num_gallery),
        *(cameras if draw(st.booleans()) else (None, None)),
        *(images if draw(st.booleans()) else (None, None)),
    )
    return rng.integers(0, levels, (num_queries, num_gallery)), labels


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(1, 200))
def test_agrees_with_the_slow_reference(problem, block_bytes):
    distance, labels = problem
    with mock.patch.object(ranking, 'BLOCK_BYTES', block_bytes):
        found = rank_distances(distance, labels)
    assert_same(found, slow_ranking(distance, labels))


def test_features_agree_with_their_distances(monkeypatch):
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(40, 8)), rng.normal(size=(90, 8))
    labels = RankingLabels(
        rng.integers(-1, 6, 40),
        rng.integers(-1, 6, 90),
        rng.integers(0, 3, 40),
        rng.integers(0, 3, 90),
    )
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)]
    expected = slow_ranking(1 - unit[0] @ unit[1].T, labels)
    scores = feature_scores(torch.from_numpy(query), torch.from_numpy(gallery))
    for block_bytes in (1, 90 * 4 * 7, 2**26):
        monkeypatch.setattr(ranking, 'BLOCK_BYTES', block_bytes)
        assert_same(rank_blocks(scores, labels), expected)


def test_average_precision_is_scikit_learns():
    rng = np.random.default_rng(1)
    distance = rng.permuted(np.tile(np.arange(50.0), (20, 1)), axis=1)
    query, gallery = rng.integers(0, 4, 20), rng.integers(0, 4, 50)
    found = rank_distances(distance, RankingLabels(query, gallery))
    for q in range(20):
        expected = average_precision_score(gallery == query[q], -distance[q])
        assert found.average_precision[q] == pytest.approx(expected, abs=1e-12)


def test_a_case_by_hand():
    # Query of person 1, camera 0. Ranking, nearest first: junk, person 1 under the
    # own camera (both left out), a distractor, person 1, person 2, person 1.
    labels = RankingLabels([1], [-1, 1, 0, 1, 2, 1], [0], [1, 0, 1, 1, 1, 2])
    found = rank_distances(np.arange(6.0)[None], labels)
    assert found.scores((1, 2, 5)) == pytest.approx(
        {'Rank-1': 0, 'Rank-2': 1, 'Rank-5': 1, 'mAP': (1 / 2 + 2 / 4) / 2, 'mINP': 0.5}
    )


def test_identity_zero_may_be_a_person():
    labels = RankingLabels([0], [1, 0])
    assert rank_distances(np.array([[1.0, 0.0]]), labels).first_match[0] == 0


def test_the_query_image_itself_is_left_out_without_cameras():
    images = np.array([4, 5, 6])
    labels = RankingLabels([1, 1, 2], [1, 1, 2], None, None, images, images)
    found = rank_distances(np.array([[0, 2, 1], [1, 0, 2], [1, 1, 0.0]]), labels)
    np.testing.assert_array_equal(found.first_match, [1, 0, -1])
    assert found.num_no_match == 1


def test_equal_scores_rank_in_gallery_order():
    identity = np.array([1, 2, 1, 2])
    labels = RankingLabels([1, 2], identity)
    scores = feature_scores(torch.ones(2, 3), torch.ones(4, 3))
    found = rank_blocks(scores, labels)
    np.testing.assert_array_equal(found.first_match, [0, 1])
    np.testing.assert_allclose(found.average_precision, [(1 + 2 / 3) / 2, 0.5])


def test_scores_are_asked_for_only_where_needed(monkeypatch):
    asked = []

    def score_block(start: int, stop: int) -> torch.Tensor:
        asked.append((start, stop))
        return torch.zeros(stop - start, 2)

    labels = RankingLabels([1, 9, 1], [1, 2])
    monkeypatch.setattr(ranking, 'BLOCK_BYTES', 8)
    rank_blocks(score_block, labels)
    assert asked == [(0, 1), (2, 3)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_gpu_agrees():
    rng = np.random.default_rng(3)
    # signs: products are exact, so ties are the same
    features = torch.from_numpy(rng.choice([-1.0, 1.0], (400, 16))).float()
    labels = RankingLabels(
        rng.integers(-1, 9, 100),
        rng.integers(-1, 9, 300),
        rng.integers(0, 3, 100),
        rng.integers(0, 3, 300),
    )
    on_cpu, on_gpu = (
        rank_blocks(feature_scores(rows[:100], rows[100:]), labels)
        for rows in (features, features.cuda())
    )
    assert_same(on_gpu, on_cpu)
