from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mmengine.config import ConfigDict
from torch.utils.data import DataLoader

from dynamix.datasets import SampleKey
from dynamix.datasets.samplers import MixedDataSampler, mixed_data_sampler
from dynamix.registry import DATA_SAMPLERS
from dynamix.structures import IdentityTable

from .stand_in import StandIn


def make(dataset: Any = None, **options: Any) -> MixedDataSampler:
    defaults = dict(
        multi_camera=dict(identities=4, images=3),
        single_camera=dict(videos=4, identities=2, images=2),
        iterations=7,
        seed=11,
    )
    return MixedDataSampler(dataset or StandIn(), **(defaults | options))


@pytest.fixture
def as_rank(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_rank(rank: int, world_size: int) -> None:
        monkeypatch.setattr(
            mixed_data_sampler, 'get_dist_info', lambda: (rank, world_size)
        )

    return set_rank


def test_epoch_of_keys() -> None:
    sampler = make()
    keys = list(sampler)
    assert len(keys) == len(sampler) == 7 * 28
    assert sampler.global_batch_size == sampler.rank_batch_size == 28
    assert all(type(key) is SampleKey for key in keys)
    assert all(type(value) is int for key in keys for value in key)
    rows = np.array(keys)[:, 0].reshape(7, 28)
    assert (rows == sampler.plan(0)).all()
    assert keys == list(sampler)


def test_any_epoch_starts_without_the_earlier_ones() -> None:
    walked = make()
    epochs = []
    for epoch in range(4):
        walked.set_epoch(epoch)
        epochs.append(list(walked))
    assert len({tuple(keys) for keys in epochs}) == 4
    fresh = make()
    fresh.set_epoch(2)
    assert list(fresh) == epochs[2]


@pytest.mark.parametrize('world_size', [2, 4])
def test_ranks_together_take_the_global_batch(as_rank: Any, world_size: int) -> None:
    expected = np.array(list(make())).reshape(7, 28, 2)
    parts = []
    for rank in range(world_size):
        as_rank(rank, world_size)
        sampler = make()
        assert sampler.rank_batch_size == 28 // world_size
        assert sampler.global_batch_size == 28
        keys = np.array(list(sampler))
        assert len(keys) == len(sampler) == 7 * 28 // world_size
        keys = keys.reshape(7, -1, 2)
        parts.append((keys[:, : 12 // world_size], keys[:, 12 // world_size :]))
    multi = np.concatenate([part[0] for part in parts], axis=1)
    single = np.concatenate([part[1] for part in parts], axis=1)
    assert (np.concatenate([multi, single], axis=1) == expected).all()


@pytest.mark.parametrize('workers', [0, 2])
def test_loader_workers_change_nothing(workers: int) -> None:
    sampler = make()
    sampler.set_epoch(3)
    expected = np.array(list(sampler)).reshape(7, 28, 2)
    loader = DataLoader(
        StandIn(), sampler.rank_batch_size, sampler=sampler, num_workers=workers
    )
    batches = [np.stack([part.numpy() for part in batch], axis=1) for batch in loader]
    assert (np.stack(batches) == expected).all()


def test_relabeling_is_seen_at_the_next_epoch() -> None:
    dataset = StandIn()
    sampler = make(dataset, single_camera=dict(videos=4, identities=1, images=4))
    table = dataset.identity_table
    expected = list(sampler)
    first = iter(sampler)
    begun = [next(first) for _ in range(28)]
    # drops the even tracklets of each video and merges the odd two
    labels = table.identity[table.single_camera].copy()
    tracklet = (labels - 30) % 4
    labels[tracklet % 2 == 0] = -1
    labels[tracklet == 3] -= 2
    table.set(np.arange(180, len(table)), labels)
    assert begun + list(first) == expected  # the epoch under way stays as planned

    rows = np.array(list(sampler))[:, 0].reshape(7, 28)[:, 12:]
    assert (table.identity[rows] >= 0).all()
    for images in rows.reshape(-1, 4):  # spread over both tracklets
        assert len(set(((images - 180) // 8).tolist())) == 2


def test_windows_walk_through_all_videos() -> None:
    dataset = StandIn()
    sampler = make(dataset, single_camera=dict(videos=2, images=2, window=5))
    windows = [np.concatenate(sampler.window(epoch)) for epoch in range(6)]
    videos = [np.unique(dataset.video[rows]).tolist() for rows in windows]
    assert [len(rows) for rows in windows] == [5 * 32] * 6
    for start in (0, 3):
        assert np.unique(videos[start : start + 3]).tolist() == [*range(15)]
    assert videos[:3] != videos[3:]
    everything = np.concatenate(make(dataset).window(7))
    assert sorted(everything.tolist()) == [*range(180, len(dataset))]
    assert make(only('multi_camera'), single_camera=None).window(0) == []


@pytest.mark.parametrize('pool', ['window', 'repaired', 'all'])
def test_batches_are_drawn_from_the_pool(pool: str) -> None:
    dataset = StandIn()
    sampler = make(dataset, single_camera=dict(videos=2, images=2, window=4, pool=pool))
    windows = [dataset.video[np.concatenate(sampler.window(e))] for e in range(3)]
    rows = sampler.plan(2)[:, 12:]
    found = set(dataset.video[rows].ravel().tolist())
    expected = dict(
        window=set(windows[2].tolist()),
        repaired=set(np.concatenate(windows).tolist()),
        all=set(range(15)),
    )
    assert found <= expected[pool]
    # 7 batches of 2 videos come to 14 visits
    assert len(found) > len(expected[pool]) // 2
    if pool == 'all':
        assert not found <= expected['repaired']


def test_built_from_a_config_with_the_seed_of_the_runner() -> None:
    config = ConfigDict(
        type='MixedDataSampler',
        multi_camera=dict(identities=6, source_weights=dict(market=1, msmt=1)),
        single_camera=dict(videos=4, window=10),
        iterations=3,
    )
    sampler = DATA_SAMPLERS.build(config, default_args=dict(dataset=StandIn(), seed=4))
    rows = np.array(list(sampler))[:, 0].reshape(3, 24 + 32)
    assert sampler.seed == 4
    assert ((rows[:, :24] < 60).sum(axis=1) == 12).all()


def test_default_composition_and_seed() -> None:
    sampler = MixedDataSampler(StandIn())
    assert sampler.global_batch_size == 96
    assert len(sampler) == 400 * 96
    assert isinstance(sampler.seed, int)
    assert sampler.seed != MixedDataSampler(StandIn()).seed


@pytest.mark.parametrize('iterations', [0, -1, 2.0])
def test_wrong_iterations(iterations: Any) -> None:
    with pytest.raises(ValueError, match='iterations` must be a whole number'):
        make(iterations=iterations)


def only(kind: str) -> StandIn:
    """Data of one kind alone."""
    dataset = StandIn()
    table = dataset.identity_table
    first = table.num_multi_camera_images
    rows = slice(first) if kind == 'multi_camera' else slice(first, None)
    number = first if kind == 'multi_camera' else 0
    dataset.identity_table = IdentityTable(table.identity[rows], number, 30)
    dataset.camera, dataset.video = dataset.camera[rows], dataset.video[rows]
    dataset.sources = [s for s in dataset.sources if s.kind == kind]
    return dataset


@pytest.mark.parametrize(
    ('given', 'lacking', 'hook'),
    [
        ('multi_camera', 'single_camera', ', without RelabelHook'),
        ('single_camera', 'multi_camera', ''),
    ],
)
def test_one_kind_of_data_alone(given: str, lacking: str, hook: str) -> None:
    edits = (
        rf'set train_dataloader\.dataset\.{lacking}=\[\] and '
        rf'train_dataloader\.sampler\.{lacking}=None{hook}\.$'
    )
    with pytest.raises(ValueError, match=f'a part {lacking}, but .* no such .*{edits}'):
        make(only(given))
    with pytest.raises(ValueError, match=rf'has \d+ {lacking} images.*{edits}'):
        make(StandIn(), **{lacking: None})
    found = make(only(given), **{lacking: None})
    assert len(list(found)) == 7 * (12 if given == 'multi_camera' else 16)


def test_data_without_an_identity_table_are_named() -> None:
    with pytest.raises(TypeError, match='is a list: list readers under multi_camera'):
        MixedDataSampler([1, 2])
