from __future__ import annotations

import os

import numpy as np
import pytest

from dynamix.relabeling import FeatureBank, VideoSplit, bank_files, load_bank, save_bank

VIDEO = np.repeat(np.arange(50), 8)


def make(count, options=None):
    splits = [VideoSplit(VIDEO, rank, count) for rank in range(count)]
    return [(FeatureBank(len(split), 5, **(options or {})), split) for split in splits]


def fill(banks):
    rng = np.random.default_rng(0)
    for now in range(20):
        rows, batch = rng.integers(0, 300, 16), rng.normal(size=(16, 5))
        for bank, split in banks:
            bank.write(split.local(rows), batch, now)


def whole(banks):
    embedding, iteration = np.zeros((400, 5)), np.zeros(400)
    for bank, split in banks:
        embedding[split.rows] = bank.embedding[:]
        iteration[split.rows] = bank.iteration
    return embedding, iteration


@pytest.mark.parametrize('saved_by', [1, 2, 3])
@pytest.mark.parametrize('loaded_by', [1, 2, 3])
def test_saved_by_n_ranks_loaded_by_m(tmp_path, monkeypatch, saved_by, loaded_by):
    monkeypatch.setattr(bank_files, 'BLOCK', 7)
    banks, others = make(saved_by), make(loaded_by, dict(path=None))
    fill(banks)
    for bank, split in banks:
        save_bank(bank, split, tmp_path / 'bank')
    for bank, split in others:
        bank.write(np.array([0]), np.ones((1, 5)), 99)
        load_bank(bank, split, tmp_path / 'bank', saved_by)
    for found, expected in zip(whole(others), whole(banks)):
        np.testing.assert_array_equal(found, expected)


def test_only_visited_rows_are_on_disk(tmp_path):
    [(bank, split)] = make(1)
    load = make(1)
    save_bank(bank, split, tmp_path)
    load_bank(*load[0], tmp_path, 1)
    assert not load[0][0].visited.any()
    bank.write(np.array([7, 3]), np.ones((2, 5)), 4)
    save_bank(bank, split, tmp_path)
    assert np.load(tmp_path / 'rank_0_embedding.npy').shape == (2, 5)
    assert np.load(tmp_path / 'rank_0_embedding.npy').dtype == np.float16


def test_what_is_missing_or_of_other_data_is_named(tmp_path):
    banks = make(2)
    fill(banks)
    save_bank(*banks[0], tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r'rank_1_rows\.npy is missing.*2 ranks'
    ):
        load_bank(*banks[0], tmp_path, 2)
    split = VideoSplit(VIDEO[:40])
    with pytest.raises(ValueError, match=r'rank_0_rows\.npy names images .* 40'):
        load_bank(FeatureBank(40, 5), split, tmp_path, 1)
    with pytest.raises(ValueError, match=r'rank_0_embedding\.npy has the shape'):
        load_bank(FeatureBank(40, 6), split, tmp_path, 1)


@pytest.mark.parametrize('what', ['rows', 'iteration', 'embedding'])
@pytest.mark.parametrize('left', [0, 0.9])
def test_a_file_that_is_cut_off_is_named(tmp_path, what, left):
    [(bank, split)] = make(1)
    fill([(bank, split)])
    save_bank(bank, split, tmp_path)
    file = tmp_path / f'rank_0_{what}.npy'
    os.truncate(file, int(left * file.stat().st_size))
    with pytest.raises(ValueError, match=rf'rank_0_{what}\.npy cannot be read'):
        load_bank(bank, split, tmp_path, 1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    [(bank, split)] = make(1)
    (tmp_path / 'bank').touch()
    with pytest.raises(OSError, match=r'/bank cannot be written .*exists'):
        save_bank(bank, split, tmp_path / 'bank')
