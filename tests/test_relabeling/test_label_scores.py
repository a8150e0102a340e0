from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from dynamix.relabeling import score_labels

triples = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.integers(0, 1)), max_size=12
)


@settings(max_examples=100, deadline=None)
@given(triples)
def test_scores_equal_counting_pairs(rows):
    labels, truth, video = np.array(rows, int).reshape(-1, 3).T
    found = true = hits = 0
    for i, j in combinations(range(len(rows)), 2):
        near = video[i] == video[j]
        a = near and labels[i] == labels[j] != -1
        b = near and truth[i] == truth[j] != -1
        found, true, hits = found + a, true + b, hits + (a and b)
    scores = score_labels(labels, truth, video)
    assert scores['precision'] == pytest.approx(hits / found if found else 1)
    assert scores['recall'] == pytest.approx(hits / true if true else 1)
    # a group of its own for each image together with none
    alone = 100 + np.arange(len(rows))
    a = np.where(labels < 0, alone, labels * 2 + video)
    b = np.where(truth < 0, alone, truth * 2 + video)
    if len(rows) > 1:
        assert scores['ari'] == pytest.approx(adjusted_rand_score(b, a))


def test_perfect_and_hand_case():
    assert score_labels([3, 3, 4], [0, 0, 1], [0, 0, 0])['f1'] == 1
    scores = score_labels([0, 0, 0, -1], [5, 5, 6, 6])
    assert scores['precision'] == pytest.approx(1 / 3)
    assert scores['recall'] == pytest.approx(1 / 2)
    with pytest.raises(ValueError, match='equal lengths'):
        score_labels([0], [0, 1])
