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
    np.testing.assert_array_equal(found.dropped, expected.dropped)
    np.testing.assert_array_equal(found.nearest, expected.nearest)


@st.composite
def problems(draw: st.DrawFn, levels: int = 4) -> tuple[np.ndarray, RankingLabels]:
    """Small problems full of ties, junk, distractors and queries without a match.

    Identity 0 is a person as any other, and queries may stand in the gallery.
    """
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
@given(problems(), st.integers(1, 200), st.integers(0, 5))
def test_agrees_with_the_slow_reference(problem, block_bytes, topk):
    distance, labels = problem
    with mock.patch.object(ranking, 'BLOCK_BYTES', block_bytes):
        found = rank_distances(distance, labels, topk)
    assert_same(found, slow_ranking(distance, labels, topk))


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
