from __future__ import annotations

import numpy as np
import torch

from dynamix.evaluation import RankingLabels, ranked_images

from .reference import rank_distances


def test_leaves_out_what_the_ranking_leaves_out():
    # Columns: own camera, junk, match, other person twice (equal), match.
    labels = RankingLabels([1], [1, -1, 1, 3, 3, 1], [0], [0, 1, 1, 1, 1, 2])
    distance = np.array([[0, 0, 4, 2, 2, 1.0]])
    columns, right = ranked_images(
        lambda start, stop: -torch.from_numpy(distance[start:stop]), labels, 0, topk=3
    )
    np.testing.assert_array_equal(columns, [5, 3, 4])
    np.testing.assert_array_equal(right, [True, False, False])


def test_shows_what_is_scored():
    rng = np.random.default_rng(0)
    labels = RankingLabels(
        rng.integers(-1, 4, 20),
        rng.integers(-1, 4, 30),
        rng.integers(0, 3, 20),
        rng.integers(0, 3, 30),
    )
    distance = rng.integers(0, 6, (20, 30)).astype(float)
    ranking = rank_distances(distance, labels)
    for query in range(20):
        _, right = ranked_images(
            lambda start, stop: -torch.from_numpy(distance[start:stop]),
            labels,
            query,
            topk=30,
        )
        first = int(right.argmax()) if right.any() else -1
        assert first == ranking.first_match[query]
