from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from dynamix.datasets import ImageTable, MixedDataset, ReIDDataset
from dynamix.datasets.samplers import MixedDataSampler


class People(ReIDDataset):
    """Ten people under three cameras."""

    NAME = 'people'
    CACHED = False

    def build_table(self) -> ImageTable:
        identity = np.repeat(np.arange(10), 6)
        return ImageTable.from_columns(identity, camera=np.arange(60) % 3)

    def get_data_info(self, index: int) -> dict[str, Any]:
        return dict(image_index=index)


class Tracklets(People):
    """Six videos of three tracklets of five images."""

    NAME = 'tracklets'
    kind = 'single_camera'

    def build_table(self) -> ImageTable:
        tracklet = np.repeat(np.arange(18), 5)
        return ImageTable.from_columns(tracklet, video=tracklet // 3)


def augment(info: dict[str, Any]) -> dict[str, Any]:
    """Draws from each generator that a transform may use."""
    drawn = [random.random(), np.random.random(), torch.rand(()).item()]  # noqa: NPY002
    return dict(row=info['image_index'], drawn=torch.tensor(drawn, dtype=torch.float64))


def batches(workers: int) -> tuple[Any, list[dict[str, Any]]]:
    loader = Runner.build_dataloader(
        dict(
            dataset=dict(
                type=MixedDataset,
                multi_camera=[dict(type=People)],
                single_camera=[dict(type=Tracklets), dict(type=Tracklets)],
                pipeline=[augment],
            ),
            sampler=dict(
                type='dynamix.MixedDataSampler',
                multi_camera=dict(identities=4, images=3),
                single_camera=dict(videos=4, identities=2, images=3),
                iterations=4,
            ),
            batch_size=36,
            num_workers=workers,
            collate_fn=dict(type='default_collate'),
        ),
        seed=3,
    )
    loader.sampler.set_epoch(2)
    return loader, list(loader)


@pytest.fixture(scope='module')
def expected() -> list[dict[str, Any]]:
    return batches(0)[1]


def test_composition_of_the_batches_that_arrive(expected: list[dict[str, Any]]) -> None:
    loader, found = batches(0)
    dataset = loader.dataset
    assert isinstance(loader.sampler, MixedDataSampler)
    assert len(found) == 4
    for batch in found:
        rows = batch['row'].numpy()
        identity = dataset.identity_table.lookup(rows).reshape(12, 3)
        assert (identity == identity[:, :1]).all()
        assert len(set(identity[:, 0].tolist())) == 12
        assert (identity[:4] < 10).all()
        for images in dataset.camera[rows[:12]].reshape(4, 3):
            assert sorted(images.tolist()) == [0, 1, 2]
        videos = dataset.video[rows[12:]].reshape(4, 6)
        assert (videos == videos[:, :1]).all()
        assert len(set(videos[:, 0].tolist())) == 4
        assert len(np.unique(batch['drawn'])) == 36 * 3


@pytest.mark.parametrize('workers', [0, 2])
def test_augmentation_depends_on_the_stream_alone(
    expected: list[dict[str, Any]], workers: int
) -> None:
    random.seed(workers)
    torch.manual_seed(workers)
    for found, wanted in zip(batches(workers)[1], expected, strict=True):
        assert torch.equal(found['row'], wanted['row'])
        assert torch.equal(found['drawn'], wanted['drawn'])
