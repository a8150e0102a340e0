from __future__ import annotations

import numpy as np
import pytest
import torch

from dynamix.evaluation import RankingLabels, k_reciprocal_scores, rank_blocks

from .reference import slow_k_reciprocal
from .test_known_scores import REFERENCES


def clustered(size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, 16))
    return (centres[rng.integers(0, 8, size)] + rng.normal(size=(size, 16))).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ('size', 'k1', 'k2', 'weight'),
    [(130, 20, 6, 0.3), (130, 7, 1, 0.5), (90, 3, 5, 1.0), (45, 200, 6, 0.0)],
)
def test_agrees_with_the_dense_reference(size, k1, k2, weight):
    features = clustered(size, seed=k1)
    exact = features / np.linalg.norm(features.astype(float), axis=1, keepdims=True)
    distance = 1 - exact @ exact.T
    np.fill_diagonal(distance, 0)
    expected = slow_k_reciprocal(distance, 30, k1, k2, weight)
    rows = torch.from_numpy(features)
    block = k_reciprocal_scores(rows[:30], rows[30:], k1, k2, weight)
    found = torch.cat([block(0, 11), block(11, 30)]).numpy()
    np.testing.assert_allclose(-found, expected, atol=2e-6)


@pytest.mark.skipif(not REFERENCES.is_dir(), reason='the optional test data is absent')
def test_a_real_network_scores_as_known():
    data = np.load(REFERENCES / 'csce625_mgn_2048d.npz')
    labels = RankingLabels(
        data['q_pids'], data['g_pids'], data['q_camids'], data['g_camids']
    )
    block = k_reciprocal_scores(
        torch.from_numpy(data['qf']), torch.from_numpy(data['gf'])
    )
    scores = rank_blocks(block, labels).scores((1,))
    expected = {'Rank-1': 0.853333, 'mAP': 0.8146905, 'mINP': 0.7397904}
    assert scores == pytest.approx(expected, abs=1e-6)
