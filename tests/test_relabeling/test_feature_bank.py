from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling import FeatureBank
from dynamix.relabeling.device_rows import DeviceRows


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


@pytest.mark.parametrize('kind', ['memory', 'mapped', 'pinned', 'cuda'])
@pytest.mark.parametrize('dtype', ['float16', 'float32'])
def test_kinds_of_storage_hold_the_same(tmp_path, kind, dtype):
    if kind in ('pinned', 'cuda') and not torch.cuda.is_available():
        pytest.skip('needs a GPU')
    options = dict(
        memory={},
        mapped=dict(path=tmp_path / 'bank.npy'),
        pinned=dict(pinned=True),
        cuda=dict(device='cuda'),
    )[kind]
    plain, other = FeatureBank(40, 5, dtype), FeatureBank(40, 5, dtype, **options)
    rng = np.random.default_rng(0)
    for now in range(6):
        rows, batch = rng.integers(-1, 40, 12), rng.normal(size=(12, 5))
        batch[now] = np.nan
        assert plain.write(rows, batch, now) == other.write(rows, batch, now)
    some = rng.permutation(40)[:7]
    np.testing.assert_array_equal(other.embedding[some], plain.embedding[some])
    np.testing.assert_array_equal(other.embedding[3:9], plain.embedding[3:9])
    np.testing.assert_array_equal(other.iteration, plain.iteration)
    assert other.embedding.shape == plain.embedding.shape
    assert len(other.embedding) == 40
    assert other.num_quarantined == plain.num_quarantined
    other.clear()
    assert not other.visited.any()
    assert not np.asarray(other.embedding[:]).any()


def test_a_mapped_bank_is_on_disk(tmp_path):
    bank = FeatureBank(6, 2, path=tmp_path / 'bank.npy')
    bank.write(np.array([4]), np.array([[1, 2]]), 0)
    assert np.load(tmp_path / 'bank.npy')[4].tolist() == [1, 2]


def test_images_never_visited_take_no_memory():
    bank = FeatureBank(100_000, 2048)
    before = resident()
    rows = np.random.default_rng(0).permutation(len(bank))[:1000]
    bank.write(rows, np.ones((1000, 2048), np.float32), 0)
    # a row is a page of 4 KB: 4 MB, of 410; huge pages would take them all
    assert resident() - before < 40e6


def resident():
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def test_rows_on_a_device_are_read_as_arrays():
    rows = DeviceRows(torch.arange(12.0).reshape(4, 3))
    assert (len(rows), rows.shape) == (4, (4, 3))
    assert rows[np.array([3, 0])].tolist() == [[9, 10, 11], [0, 1, 2]]
    assert rows[1:2].tolist() == [[3, 4, 5]]


def test_errors_name_what_is_wrong():
    bank = FeatureBank(4, 2)
    with pytest.raises(ValueError, match=r'-1\.\.3.*9'):
        bank.write(np.array([9]), np.ones((1, 2)), 0)
    with pytest.raises(ValueError, match=r'\(B, 2\), but are of \(1, 3\)'):
        bank.write(np.array([1]), np.ones((1, 3)), 0)
    with pytest.raises(ValueError, match='each of 1 embeddings'):
        bank.write(np.array([1, 2]), np.ones((1, 2)), 0)
    with pytest.raises(ValueError, match='floating'):
        FeatureBank(4, 2, 'int8')
    with pytest.raises(ValueError, match='path need device="cpu"'):
        FeatureBank(4, 2, device='cuda', path='x')
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match='pinned=True needs a GPU'):
            FeatureBank(4, 2, pinned=True)
