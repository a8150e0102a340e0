from __future__ import annotations

import numpy as np
import pytest

from dynamix.datasets import GRID, ILIDS, PRID2011, RandomHalves, VIPeR


def membership(dataset: RandomHalves) -> tuple[np.ndarray, np.ndarray]:
    """``[splits, n]`` booleans: is a query, stands in the gallery."""
    dataset.full_init()
    numbers = range(dataset.num_splits)
    return tuple(
        np.array([[n in splits for splits in rows] for n in numbers])
        for rows in (dataset.query_splits, dataset.gallery_splits)
    )


def test_viper(make_images) -> None:
    root = make_images(
        [f'cam_a/{i:03d}_0.bmp' for i in range(8)]
        + [f'cam_b/{i:03d}_90.bmp' for i in range(8)]
    )
    dataset = VIPeR(root)
    query, gallery = membership(dataset)
    identity, camera = dataset.table.identity, dataset.table.camera
    assert query.shape == (10, 16)
    for q, g in zip(query, gallery):
        assert sorted(identity[q]) == sorted(identity[g])
        assert len(set(identity[q])) == q.sum() == 4
        assert set(camera[q]) == {0}
        assert set(camera[g]) == {1}
    assert len({tuple(q) for q in query}) > 5, 'halves differ'
    again = VIPeR(root)
    again.full_init()
    assert again.query_splits == dataset.query_splits
    other = VIPeR(root, seed=1)
    other.full_init()
    assert other.query_splits != dataset.query_splits
    assert VIPeR(root, split='all').get_data_info(0).keys() == {
        'image_index',
        'img_path',
    }


def test_prid_beyond_the_pairs_equal_numbers_are_different_people(make_images) -> None:
    root = make_images(
        f'single_shot/cam_{camera}/person_{i:04d}.png'
        for camera, last in (('a', 205), ('b', 209))
        for i in range(195, last + 1)
    )
    dataset = PRID2011(root)
    query, gallery = membership(dataset)
    assert set(query.sum(1)) == {3}
    assert set(gallery.sum(1)) == {3 + 9}
    assert len(np.unique(dataset.table.identity)) == 6 + 5 + 9
    assert dataset.split_checks[0].without_match == 0


def test_grid_distractors_stand_in_every_gallery(make_images) -> None:
    root = make_images(
        [f'probe/{i:04d}_{i}_1_2_3_4_5.jpeg' for i in range(1, 5)]
        + [f'gallery/{i:04d}_7_1_2_3_4_5.jpeg' for i in range(1, 5)]
        + [f'gallery/0000_1_{i}_2_3_4_5.jpeg' for i in range(6)]
    )
    dataset = GRID(root)
    query, gallery = membership(dataset)
    assert set(query.sum(1)) == {2}
    assert set(gallery.sum(1)) == {2 + 6}
    assert gallery[:, dataset.table.identity == 0].all()
    assert len(GRID(root, split='all')) == 8


def test_ilids_one_image_each_way(make_images) -> None:
    root = make_images(
        f'i-LIDS_Pedestrian/Persons/{person:04d}{i:03d}.jpg'
        for person in range(1, 6)
        for i in range(2 + person % 2)
    )
    dataset = ILIDS(root)
    query, gallery = membership(dataset)
    assert not (query & gallery).any()
    for q, g in zip(query, gallery):
        assert q.sum() == 3
        assert sorted(dataset.table.identity[q]) == sorted(dataset.table.identity[g])
    assert {check.without_match for check in dataset.split_checks} == {0}


def test_there_is_no_training_split() -> None:
    with pytest.raises(ValueError, match=r"unknown split 'train'.*'all', 'test'"):
        VIPeR('x', split='train')
    with pytest.raises(ValueError, match='at least 1, but got 0'):
        VIPeR('x', num_splits=0)
