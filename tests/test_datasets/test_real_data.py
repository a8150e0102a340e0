"""Readers on the optional folder of real data."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dynamix.datasets import Market1501, TrackletFolder, VIPeR


def test_market_subset(real_data: Path) -> None:
    dataset = Market1501(str(real_data / 'market_subset'))
    assert len(dataset) == 671
    assert np.unique(dataset.table.identity).tolist() == list(range(80))
    assert np.unique(dataset.table.camera).tolist() == list(range(6))


def test_mini_market(real_data: Path) -> None:
    dataset = Market1501(str(real_data / 'mini_market1501'), split='test')
    dataset.full_init()
    (found,) = dataset.split_checks
    assert found.without_match == 2
    identity = [
        int(Path(dataset.table.path(i)).name.split('_')[0]) for i in range(len(dataset))
    ]
    assert identity == dataset.table.identity.tolist()


def test_multiviewx(real_data: Path) -> None:
    root = str(real_data / 'multiviewx')
    assert len(Market1501(root)) == 555
    dataset = Market1501(root, split='test')
    dataset.full_init()
    (found,) = dataset.split_checks
    assert (found.queries, found.gallery, found.without_match) == (65, 239, 0)


def test_viper(real_data: Path) -> None:
    dataset = VIPeR(str(real_data / 'VIPeR'))
    assert len(dataset) == 1264
    checks = dataset.split_checks
    assert {(c.queries, c.gallery, c.without_match) for c in checks} == {(316, 316, 0)}
    assert len(checks) == 10


def test_mars_tracklets(real_data: Path) -> None:
    root = real_data / 'mars_single_camera'
    dataset = TrackletFolder(str(root), folder='videos', truth='truth.csv')
    assert len(dataset) == 4534
    table = dataset.table
    with open(root / 'truth.csv', newline='') as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == table.identity.max() + 1 == 213
    for number, row in enumerate(rows):
        images = np.flatnonzero(table.identity == number)
        assert len(images) == int(row['images'])
        assert (np.diff(images) == 1).all(), 'a tracklet is one run of rows'
        names = [Path(table.path(i)) for i in images]
        assert {n.parent.name for n in names} == {row['tracklet']}
        frames = [int(n.stem) for n in names]
        assert frames == sorted(frames)
    people = {row['person'] for row in rows}
    assert len(np.unique(dataset.truth)) == len(people)
    assert (table.frame == -1).all()
