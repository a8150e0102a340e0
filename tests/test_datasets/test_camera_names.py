"""Cameras in the names of labelled crops, junk and distractors among their people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from dynamix.datasets import LabelledFolder, TargetDataset
from dynamix.datasets.camera_names import find_cameras
from dynamix.evaluation import RankingLabels, feature_scores, rank_blocks

Make = Callable[[Iterable[str]], Path]


@pytest.mark.parametrize(
    'path',
    [
        *('c2_1.jpg', 'C2_1.jpg', 'c2-1.jpg', 'C02-1.jpg', 'c2s1_1.jpg'),
        *('cam2_1.jpg', 'Cam2_1.jpg', 'CAM-02_1.jpg', 'camera_2.png', 'Camera2-1.jpg'),
        *('c2/1.jpg', 'cam2/1.jpg', 'Camera 2/1.jpg', 'monday/cam_2/1.jpg'),
        *('0002_c2s1_000451_03.jpg', '0001_c2_f0046182.jpg', '0001_C2_1.jpg'),
        *('anna-cam2-7.jpg', '0001C2T0001F001.jpg', 'c2/0001_c2s1_1.jpg'),
    ],
)
def test_usual_spellings_of_a_camera(path: str) -> None:
    assert [*find_cameras(path)] == ['2']


@pytest.mark.parametrize(
    'path',
    [
        *('000151.jpg', 'monday/1.jpg', 'campus_1.jpg', 'webcam2_1.jpg', 'abc2_1.jpg'),
        *('c2.jpg', 'cam_anna.jpg', 'camera_20261201_0700.jpg'),
        *('c2026120107-1.jpg', '3f2a51e4-c123-4abc-9c12-a1b2c3d4e5f6.jpg'),
    ],
)
def test_other_names_give_no_camera(path: str) -> None:
    assert find_cameras(path) == {}


def test_cameras_may_be_letters() -> None:
    assert [*find_cameras('cam_b/1.jpg'), *find_cameras('Camera-A_1.jpg')] == ['b', 'a']


def read(root: Path, **options: str) -> list[tuple[int, int]]:
    dataset = LabelledFolder(str(root), **options)
    dataset.full_init()
    table = dataset.table
    return [*zip(table.identity.tolist(), table.camera.tolist())]


def test_spellings_name_the_same_camera(make_images: Make) -> None:
    """The query's camera is not counted as another one in the gallery."""
    root = make_images(
        ['query/a/c1_1.jpg', 'gallery/a/Cam1_1.jpg', 'gallery/a/Cam2_1.jpg']
    )
    assert sorted(read(root, split='test')) == [(1, 1), (1, 1), (1, 2)]
    dataset = LabelledFolder(str(root), split='test')
    dataset.full_init()
    assert dataset.table.info['camera_spellings'] == ['Cam<n>_', 'c<n>_']


@pytest.mark.parametrize('camera', ['c{}', 'cam{}', 'Camera {}'])
def test_people_below_folders_of_cameras(make_images: Make, camera: str) -> None:
    names = [
        f'train/{camera.format(c)}/{person}/1.jpg' for c in (1, 2) for person in 'ab'
    ]
    assert read(make_images(names)) == [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (
            ['a/c1_1.jpg', 'a/1.jpg'],
            r"1 images .* 'train/a/c1_1.jpg', but 1 .*/a/1.jpg",
        ),
        (['c1/1.jpg', 'c2/1.jpg'], 'the folder c1/ of c1/1.jpg looks like a camera'),
        (['a/c1/c2_1.jpg'], r'path a/c1/c2_1.jpg names several cameras \(1, 2\)'),
    ],
)
def test_what_cannot_be_told_is_refused(make_images: Make, names, message) -> None:
    root = make_images(f'train/{name}' for name in names)
    with pytest.raises(ValueError, match=message):
        read(root)
    read(root, pattern=r'/(?P<identity>[^/]+)/')
    pattern = r'/(?P<identity>[^/]+)/(?:c(?P<camera>\d+)_)?'
    if names[0] == 'a/c1_1.jpg':
        with pytest.raises(ValueError, match=r"'train/a/c1_1.jpg', but 1 .*/a/1.jpg"):
            read(root, pattern=pattern)


def test_query_and_gallery_are_checked_together(make_images: Make) -> None:
    root = make_images(['query/a/c1_1.jpg', 'gallery/a/1.jpg'])
    with pytest.raises(ValueError, match=r"'query/a/c1_1.jpg', but 1 have none"):
        read(root, split='test')


def test_without_cameras_a_warning_says_what_follows(make_images, logged) -> None:
    root = make_images([f'{part}/a/1.jpg' for part in ('train', 'query', 'gallery')])
    for split, text in (('train', 'camera-centroid loss'), ('test', 'camera_aware=')):
        for _ in ('read', 'reopened'):
            logged.clear()
            assert {camera for _, camera in read(root, split=split)} == {0}
            assert any('no path names a camera' in x and text in x for x in logged)
    target = LabelledFolder(str(root), split='test')
    assert len(TargetDataset([target]).camera_problems()) == 1


TEST = ['query/0007/c1_1.jpg', 'gallery/0007/c2_1.jpg']
STRAYS = ['gallery/-1/c1_1.jpg', 'gallery/-1/c2_1.jpg', 'gallery/0000/c2_1.jpg']


@pytest.mark.parametrize('other', [[], ['gallery/guest/c2_1.jpg']])
def test_junk_and_distractors_are_no_people_in_training(make_images, other) -> None:
    root = make_images(['train/anna/c1_1.jpg', *TEST, *STRAYS, *other])
    people = [identity for identity, _ in read(root, split='all')]
    assert len(people) == 3 + len(other)
    assert {*people} == {*range(2 + len(other))}


@pytest.mark.parametrize('junk', ['-1', '00-1', 'junk', '-0001'])
@pytest.mark.parametrize('other', [[], ['gallery/guest/c2_1.jpg']])
def test_junk_of_a_target_is_left_out_of_the_ranking(make_images, other, junk) -> None:
    strays = [name.replace('-1', junk) for name in STRAYS]
    dataset = LabelledFolder(str(make_images([*TEST, *strays, *other])), split='test')
    dataset.full_init()
    names = [Path(dataset.table.path(i)).parent.name for i in range(len(dataset))]
    identity, camera = dataset.table.identity, dataset.table.camera
    is_junk = np.array(names) == junk
    assert (identity[is_junk] == -1).all()
    assert (identity[~is_junk] >= 0).all()
    query, gallery = (
        np.array([bool(s) for s in x])
        for x in (dataset.query_splits, dataset.gallery_splits)
    )
    feature = torch.ones(len(names), 2)
    labels = RankingLabels(
        identity[query], identity[gallery], camera[query], camera[gallery]
    )
    scores = feature_scores(feature[query], feature[gallery])
    assert rank_blocks(scores, labels).valid.sum() == 1
    assert len(labels.junk_columns) == 2


@pytest.mark.parametrize(
    ('people', 'kept'),
    [
        (['0000', '0001', '0002'], 3),
        (['0000', '0001', '-1'], 1),
        (['0', '2', '7'], 3),
        (['distractors', '0001', '0002'], 2),
    ],
)
def test_person_0_of_numbers_that_count_from_it_is_a_person(
    make_images, people, kept, logged
) -> None:
    root = make_images(f'train/{person}/c1_1.jpg' for person in people)
    assert len(read(root)) == kept
    left_out = any('junk or distractors are left out' in line for line in logged)
    assert left_out == (kept < 3)


def test_junk_is_no_match_of_a_query_of_junk(make_images: Make) -> None:
    root = make_images(['query/-1/c1_1.jpg', 'gallery/-1/c2_1.jpg'])
    with pytest.raises(ValueError, match='there are 0 queries and 0 gallery images'):
        read(root, split='test')


def test_a_query_makes_0_a_person(make_images: Make) -> None:
    names = ['query/0000/c1_1.jpg', 'gallery/0000/c2_1.jpg', 'gallery/0001/c2_1.jpg']
    root = make_images([*names, 'train/a/c1_1.jpg'])
    assert len(read(root, split='all')) == 4
    assert [who for who, _ in read(root, split='test')] == [0, 0, 1]
