from __future__ import annotations

from typing import Any

import pytest
from mmengine import dist

from dynamix import datasets
from dynamix.datasets import CUHK03NP, MARS, LabelledFolder, Market1501, ReIDDataset

MARKET = [
    'bounding_box_train/0002_c1s1_000451_03.jpg',
    'bounding_box_train/0002_c6s1_000451_03.jpg',
    'query/0001_c1s1_001051_00.jpg',
    'bounding_box_test/-1_c1s1_000401_03.jpg',
    'bounding_box_test/0000_c3s1_000151_01.jpg',
    'bounding_box_test/0001_c2s1_001051_00.jpg',
    'bounding_box_test/0001_c2s1_001052_00.jpg',
]
# Junk counts nowhere, a distractor is an image of nobody, and only of the test part.
RIGHT = dict(
    train=dict(images=2, identities=1, cameras=2),
    query=dict(images=1, identities=1, cameras=1),
    gallery=dict(images=3, identities=1, cameras=2),
    all=dict(images=5, identities=2, cameras=3),
)
SPLITS = ('train', 'test', 'all')
READERS = [
    reader
    for name, reader in vars(datasets).items()
    if isinstance(reader, type) and issubclass(reader, LabelledFolder)
]


class Converted(Market1501):
    """Somebody's data in the layout of Market-1501."""


def warnings_of(dataset: ReIDDataset, logged: list[str]) -> list[str]:
    logged.clear()
    dataset.full_init()
    return [line for line in logged if 'published' in line]


def test_data_as_published(make_images, logged, monkeypatch) -> None:
    monkeypatch.setattr(Market1501, 'COUNTS', RIGHT)
    root = str(make_images(MARKET))
    for split in SPLITS:
        assert not warnings_of(Market1501(root, split=split), logged)


def test_one_warning_with_both_numbers(make_images, logged, monkeypatch) -> None:
    root = str(make_images(MARKET))
    (warning,) = warnings_of(Market1501(root, split='test'), logged)
    assert f'market1501: {root} does not hold' in warning
    assert 'query: 1 images instead of 3368; query: 1 identities instead of' in warning
    assert 'gallery: 3 images instead of 15913' in warning
    assert 'train' not in warning
    assert not warnings_of(Market1501(root, split='test'), logged), 'said once'
    (warning,) = warnings_of(Market1501(root, split='all'), logged)
    assert 'all: 5 images instead of 29419; all: 2 identities instead' in warning
    monkeypatch.setattr(Market1501, 'COUNTS', RIGHT | dict(train=dict(cameras=9)))
    (warning,) = warnings_of(Market1501(root), logged)
    assert warning.count('instead') == 1
    assert 'train: 2 cameras instead of 9' in warning


@pytest.mark.parametrize(
    ('reader', 'options'),
    [
        (Market1501, dict(name='mine')),
        (Converted, {}),
        (LabelledFolder, dict(folders=dict(train='train'))),
    ],
)
def test_other_data_are_not_compared(make_images, logged, reader, options) -> None:
    root = str(make_images([*MARKET, 'train/a/c1_1.jpg', 'train/a/c2_1.jpg']))
    assert not warnings_of(reader(root, **options), logged)


def test_the_first_rank_warns(make_images, logged, monkeypatch) -> None:
    monkeypatch.setattr(dist, 'is_main_process', lambda: False)
    assert not warnings_of(Market1501(str(make_images(MARKET))), logged)


@pytest.mark.parametrize(('box', 'number'), [('labeled', 7368), ('detected', 7365)])
def test_cuhk03_by_its_folder(make_images, logged, box, number) -> None:
    root = make_images([f'{box}/bounding_box_train/0001_c1_1.png'])
    (warning,) = warnings_of(CUHK03NP(f'{root}/{box}/', name=f'cuhk03_{box}'), logged)
    assert f'train: 1 images instead of {number}; train: 1 identities' in warning
    (root / box).rename(root / 'mine')
    assert not warnings_of(CUHK03NP(f'{root}/mine'), logged)


def test_tracklets_and_their_people(make_images, logged) -> None:
    names = ['0001C1T0001F001', '0001C2T0001F001', '0003C2T0002F001']
    root = make_images(f'bbox_train/{name[:4]}/{name}.jpg' for name in names)
    (warning,) = warnings_of(MARS(str(root)), logged)
    assert 'all: 3 tracklets instead of 8298; all: 2 videos instead of 6' in warning
    assert '2 people instead of 625' in warning
    assert not warnings_of(MARS(str(root), name='mine'), logged)


@pytest.mark.parametrize('reader', READERS, ids=lambda reader: reader.NAME)
def test_figures_agree_with_each_other(reader: Any) -> None:
    counts = vars(reader).get('COUNTS', {})
    assert counts.keys() <= {*reader.FOLDERS, 'all'}
    parts = reader.SPLITS['all']
    if 'all' not in counts or not {*parts} <= counts.keys():
        return
    images = sum(counts[part]['images'] for part in parts)
    distractors = dict(market1501=2_798, grid=775).get(reader.NAME, 0)
    assert counts['all']['images'] == images - distractors
    people = [counts[part].get('identities') for part in parts]
    if None not in people:
        assert max(people) <= counts['all']['identities'] <= sum(people)
