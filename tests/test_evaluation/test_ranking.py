from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from dynamix.evaluation import (
    Ranking,
    RankingLabels,
    rank_blocks,
    rank_distances,
    rank_features,
)

from .reference import slow_ranking


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
    overlap = draw(st.booleans())
    labels = RankingLabels(
        rng.integers(-1, people, num_queries),
        rng.integers(-1, people, num_gallery),
        rng.integers(0, 3, num_queries),
        rng.integers(0, 3, num_gallery),
        images[:num_queries] if overlap else None,
        rng.integers(0, len(images), num_gallery) if overlap else None,
        camera_aware=draw(st.booleans()),
    )
    return rng.integers(0, levels, (num_queries, num_gallery)), labels


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(1, 200))
def test_agrees_with_the_slow_reference(problem, block_bytes):
    distance, labels = problem
    assert_same(
        rank_distances(distance, labels, block_bytes), slow_ranking(distance, labels)
    )


@settings(max_examples=60, deadline=None)
@given(problems(levels=100_000), st.randoms(use_true_random=False))
def test_gallery_order_does_not_matter_without_ties(problem, random):
    distance, labels = problem
    distance = np.argsort(np.argsort(distance, axis=1, kind='stable'), axis=1)
    order = list(range(labels.num_gallery))
    random.shuffle(order)
    shuffled = RankingLabels(
        labels.query_identity,
        labels.gallery_identity[order],
        labels.camera[0],
        labels.camera[1][order],
        *(() if labels.image is None else (labels.image[0], labels.image[1][order])),
        camera_aware=labels.camera_aware,
    )
    assert_same(
        rank_distances(distance[:, order], shuffled), rank_distances(distance, labels)
    )


@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
def test_features_agree_with_their_distances(metric):
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(40, 8)), rng.normal(size=(90, 8))
    labels = RankingLabels(
        rng.integers(-1, 6, 40),
        rng.integers(-1, 6, 90),
        rng.integers(0, 3, 40),
        rng.integers(0, 3, 90),
    )
    if metric == 'cosine':
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)]
        distance = 1 - unit[0] @ unit[1].T
    else:
        distance = np.linalg.norm(query[:, None] - gallery, axis=2)
    expected = slow_ranking(distance, labels)
    for block_bytes in (1, 90 * 4 * 7, 2**26):
        found = rank_features(
            torch.from_numpy(query), gallery, labels, metric, block_bytes
        )
        assert_same(found, expected)


def test_euclidean_ranks_by_length_too():
    labels = RankingLabels([1], [1, 2], camera_aware=False)
    query, gallery = np.array([[1.0, 0]]), np.array([[9.0, 0], [1.0, 0.5]])
    assert rank_features(query, gallery, labels).first_match[0] == 0
    assert rank_features(query, gallery, labels, 'euclidean').first_match[0] == 1


def test_average_precision_is_scikit_learns():
    rng = np.random.default_rng(1)
    distance = rng.permuted(np.tile(np.arange(50.0), (20, 1)), axis=1)
    query, gallery = rng.integers(0, 4, 20), rng.integers(0, 4, 50)
    found = rank_distances(distance, RankingLabels(query, gallery, camera_aware=False))
    for q in range(20):
        expected = average_precision_score(gallery == query[q], -distance[q])
        assert found.average_precision[q] == pytest.approx(expected, abs=1e-12)


def test_a_case_by_hand():
    # Query of person 1, camera 0. Ranking, nearest first: junk, person 1 under the
    # own camera (both left out), a distractor, person 1, person 2, person 1.
    labels = RankingLabels([1], [-1, 1, 0, 1, 2, 1], [0], [1, 0, 1, 1, 1, 2])
    ranking = rank_distances(np.arange(6.0)[None], labels)
    assert ranking.scores((1, 2, 5)) == pytest.approx(
        {'Rank-1': 0, 'Rank-2': 1, 'Rank-5': 1, 'mAP': (1 / 2 + 2 / 4) / 2, 'mINP': 0.5}
    )


def test_identity_zero_may_be_a_person():
    labels = RankingLabels([0], [1, 0], camera_aware=False)
    assert rank_distances(np.array([[1.0, 0.0]]), labels).first_match[0] == 0


def test_the_query_image_itself_is_left_out_without_cameras():
    images = np.array([4, 5, 6])
    labels = RankingLabels(
        [1, 1, 2], [1, 1, 2], None, None, images, images, camera_aware=False
    )
    ranking = rank_distances(np.array([[0, 2, 1], [1, 0, 2], [1, 1, 0.0]]), labels)
    np.testing.assert_array_equal(ranking.first_match, [1, 0, -1])
    assert ranking.num_no_match == 1


def test_equal_scores_rank_in_gallery_order():
    identity = np.array([1, 2, 1, 2])
    labels = RankingLabels([1, 2], identity, camera_aware=False)
    ranking = rank_features(np.ones((2, 3)), np.ones((4, 3)), labels)
    np.testing.assert_array_equal(ranking.first_match, [0, 1])
    np.testing.assert_allclose(ranking.average_precision, [(1 + 2 / 3) / 2, 0.5])


def test_dropped_queries_are_counted_by_reason():
    labels = RankingLabels([-1, 1, 2, 3], [1, 3, -1], [0, 0, 0, 0], [0, 1, 1])
    ranking = rank_distances(np.zeros((4, 3)), labels)
    assert (ranking.num_junk, ranking.num_same_camera, ranking.num_no_match) == (
        1,
        1,
        1,
    )
    assert ranking.num_valid == 1
    assert np.isnan(ranking.average_precision[:3]).all()


def test_nothing_valid():
    labels = RankingLabels([1], [2], camera_aware=False)
    ranking = rank_distances(np.zeros((1, 1)), labels)
    assert np.isnan(ranking.cmc(2)).all()
    with pytest.raises(ValueError, match='no query has a match'):
        ranking.scores()


def test_scores_are_asked_for_only_where_needed():
    asked = []

    def score_block(start: int, stop: int) -> torch.Tensor:
        asked.append((start, stop))
        return torch.zeros(stop - start, 2)

    labels = RankingLabels([1, 9, 1], [1, 2], camera_aware=False)
    rank_blocks(score_block, labels, block_bytes=8)
    assert asked == [(0, 1), (2, 3)]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            dict(query=np.ones((3, 4))),
            '3 queries and 3 gallery images, but labels of 2',
        ),
        (dict(query=np.ones((2, 5))), '5 numbers each, gallery features 4'),
        (dict(query=np.ones(4)), r'must be \[N, D\]'),
        (dict(gallery=np.full((3, 4), np.nan)), '3 of 3 gallery features are not fin'),
        (dict(metric='dot'), "must be one of .* but got 'dot'"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = dict(
        query=np.ones((2, 4)),
        gallery=np.ones((3, 4)),
        labels=RankingLabels([1, 2], [1, 2, 3], camera_aware=False),
    )
    with pytest.raises(ValueError, match=message):
        rank_features(**{**arguments, **change})


@pytest.mark.parametrize('distance', [np.zeros(3), np.full((1, 3), np.inf)])
def test_bad_distances_are_named(distance):
    labels = RankingLabels([1], [1, 2, 3], camera_aware=False)
    with pytest.raises(ValueError, match='distance'):
        rank_distances(distance, labels)


def test_bad_labels_are_named():
    with pytest.raises(ValueError, match='camera_aware=True needs'):
        RankingLabels([1], [1])
    with pytest.raises(ValueError, match=r'gallery_camera must have shape \(2,\)'):
        RankingLabels([1], [1, 2], [0], [0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_gpu_agrees():
    rng = np.random.default_rng(3)
    features = torch.from_numpy(rng.integers(-3, 4, (400, 6))).float()
    labels = RankingLabels(
        rng.integers(-1, 9, 100),
        rng.integers(-1, 9, 300),
        rng.integers(0, 3, 100),
        rng.integers(0, 3, 300),
    )
    expected = rank_features(features[:100], features[100:], labels, 'euclidean')
    features = features.cuda()
    found = rank_features(features[:100], features[100:], labels, 'euclidean')
    assert_same(found, expected)
