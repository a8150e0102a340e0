"""Scores of other implementations, and answers worked out by hand elsewhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dynamix.evaluation import RankingLabels, feature_scores, rank_blocks
from tests.conftest import TEST_DATA

from .reference import rank_distances

REFERENCES = TEST_DATA / 'evaluation_references'
pytestmark = pytest.mark.skipif(
    not REFERENCES.is_dir(), reason='the optional test data is absent'
)


def test_a_real_network_scores_as_known():
    data = np.load(REFERENCES / 'csce625_mgn_2048d.npz')
    labels = RankingLabels(
        data['q_pids'], data['g_pids'], data['q_camids'], data['g_camids']
    )
    features = [torch.from_numpy(data[key]) for key in ('qf', 'gf')]
    scores = rank_blocks(feature_scores(*features), labels).scores()
    assert scores == pytest.approx(
        {
            'Rank-1': 0.933333,
            'Rank-5': 0.98,
            'Rank-10': 0.986667,
            'mAP': 0.8592525,
            'mINP': 0.7712364,
        },
        abs=1e-6,
    )


@pytest.mark.parametrize(
    'case', ['cmc_square_ids', 'cmc_duplicate_ids', 'cmc_duplicate_cams']
)
def test_known_cmc(case):
    known = json.loads((REFERENCES / 'known_answers.json').read_text())[case]
    labels = RankingLabels(
        *(known[key] for key in ('q_ids', 'g_ids', 'q_cams', 'g_cams'))
    )
    ranks = range(1, 1 + len(known['cmc']))
    scores = rank_distances(known['distmat'], labels).scores(ranks)
    np.testing.assert_allclose([scores[f'Rank-{k}'] for k in ranks], known['cmc'])


def test_known_features_with_a_tie():
    known = json.loads((REFERENCES / 'known_answers.json').read_text())
    known = known['mmdet_reid_metric']
    images = np.arange(len(known['ids']))
    labels = RankingLabels(known['ids'], known['ids'], None, None, images, images)
    features = np.array(known['features'])
    distance = np.linalg.norm(features[:, None] - features, axis=2)
    scores = rank_distances(distance, labels).scores((1, 5))
    assert (scores['Rank-1'], scores['Rank-5']) == (known['R1'], 1.0)
    assert min(abs(scores['mAP'] - mean) for mean in (0.71852, 0.70463)) < 1e-5
