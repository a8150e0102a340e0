from __future__ import annotations

import numpy as np
import pytest
import torch

from dynamix.evaluation import (
    RankingLabels,
    expand_queries,
    feature_scores,
    rank_blocks,
)

from .test_known_scores import REFERENCES


def slow_expansion(query, gallery, topk, alpha):
    """One query after the other; rows of any length."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)]
    found = []
    for row in unit[0]:
        cosine = unit[1] @ row
        nearest = np.argsort(-cosine)[:topk]
        row = row + sum(max(cosine[g], 0) ** alpha * unit[1][g] for g in nearest)
        found.append(row / np.linalg.norm(row))
    return np.stack(found)


@pytest.mark.parametrize(
    ('topk', 'alpha'), [(1, 0), (4, 0), (3, 3.0), (5, 0.5), (90, 2)]
)
def test_agrees_with_the_slow_reference(topk, alpha):
    rng = np.random.default_rng(topk)
    query, gallery = rng.normal(size=(300, 8)), rng.normal(size=(40, 8))
    found = expand_queries(*map(torch.from_numpy, (query, gallery)), topk, alpha)
    expected = slow_expansion(query, gallery, topk, alpha)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.skipif(not REFERENCES.is_dir(), reason='the optional test data is absent')
@pytest.mark.parametrize(
    ('topk', 'alpha', 'mean'),
    [(2, 0, 0.8694), (2, 3.0, 0.8712), (5, 0, 0.8334), (5, 3.0, 0.8552)],
)
def test_a_real_network(topk, alpha, mean):
    data = np.load(REFERENCES / 'csce625_mgn_2048d.npz')
    labels = RankingLabels(
        data['q_pids'], data['g_pids'], data['q_camids'], data['g_camids']
    )
    query, gallery = (torch.from_numpy(data[key]) for key in ('qf', 'gf'))
    scores = feature_scores(expand_queries(query, gallery, topk, alpha), gallery)
    assert rank_blocks(scores, labels).scores()['mAP'] == pytest.approx(mean, abs=1e-4)
