from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling import FeatureBank


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-1, 6), max_size=9), max_size=5))
def test_write_equals_writing_one_by_one(batches):
    bank = FeatureBank(7, 3, 'float32')
    embedding, iteration = np.zeros((7, 3), np.float32), np.full(7, -1)
    rng = np.random.default_rng(0)
    for now, rows in enumerate(batches):
        batch = rng.normal(size=(len(rows), 3)).astype(np.float32)
        bank.write(np.array(rows, int), torch.from_numpy(batch), now)
        for row, x in zip(rows, batch):
            if row >= 0:
                embedding[row], iteration[row] = x, now
    np.testing.assert_array_equal(bank.embedding, embedding)
    np.testing.assert_array_equal(bank.iteration, iteration)
    np.testing.assert_array_equal(bank.visited, iteration >= 0)


def test_quarantine():
    bank = FeatureBank(6, 2)
    x = np.array([[1, 2], [np.nan, 1], [np.inf, 0], [0, 0], [1e6, 1], [np.nan, 0]])
    assert bank.write(np.array([0, 1, 2, 3, 4, -1]), x, 5) == 4
    assert bank.num_quarantined == 4
    assert bank.visited.tolist() == [True] + [False] * 5


def test_an_unhealthy_embedding_does_not_replace_a_healthy_one():
    bank = FeatureBank(2, 2)
    bank.write(np.array([0, 0]), np.array([[1, 2], [np.nan, 1]]), 5)
    assert bank.embedding[0].tolist() == [1, 2]


def test_age():
    bank = FeatureBank(3, 2)
    bank.write(np.array([0]), np.ones((1, 2)), 10)
    bank.write(np.array([1]), np.ones((1, 2)), 20)
    assert bank.valid(20).tolist() == [True, True, False]
    assert bank.valid(20, max_age=10).tolist() == [True, True, False]
    assert bank.valid(21, max_age=10).tolist() == [False, True, False]


@pytest.mark.parametrize('mapped', [False, True])
def test_state_holds_visited_rows_only(tmp_path, mapped):
    bank = FeatureBank(1000, 4)
    bank.write(np.array([7, 3]), np.arange(8.0).reshape(2, 4) + 1, 2)
    torch.save(bank.state_dict(), tmp_path / 'state.pth')
    state = torch.load(tmp_path / 'state.pth')
    assert len(state['rows']) == 2
    other = FeatureBank(1000, 4, path=tmp_path / 'bank.npy' if mapped else None)
    other.write(np.array([500]), np.ones((1, 4)), 1)
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.embedding, bank.embedding)
    np.testing.assert_array_equal(other.iteration, bank.iteration)


def test_errors_name_what_is_wrong():
    bank = FeatureBank(4, 2)
    with pytest.raises(ValueError, match=r'-1\.\.3.*9'):
        bank.write(np.array([9]), np.ones((1, 2)), 0)
    with pytest.raises(ValueError, match=r'\(1, 2\)'):
        bank.write(np.array([1]), np.ones((1, 3)), 0)
    with pytest.raises(ValueError, match='5 images x 2'):
        bank.load_state_dict(FeatureBank(5, 2).state_dict())
    with pytest.raises(ValueError, match='floating'):
        FeatureBank(4, 2, 'int8')
