from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamix.datasets import (
    CUHK02,
    CUHK03NP,
    CUHKSYSU,
    MSMT17,
    DukeMTMC,
    LabelledFolder,
    Market1501,
)

MARKET = [
    'bounding_box_train/0002_c1s1_000451_03.jpg',
    'bounding_box_train/0002_c6s1_000451_03.jpg',
    'bounding_box_train/0007_c3s3_077419_03.jpg',
    'query/0001_c1s1_001051_00.jpg',
    'bounding_box_test/-1_c1s1_000401_03.jpg',
    'bounding_box_test/0000_c1s1_000151_01.jpg',
    'bounding_box_test/0001_c2s1_001051_00.jpg',
    'bounding_box_test/Thumbs.db',
]


def rows(dataset: LabelledFolder) -> list[tuple]:
    dataset.full_init()
    table = dataset.table
    return list(zip(table.identity.tolist(), table.camera.tolist()))


def test_market_1501(make_images) -> None:
    root = make_images(MARKET)
    assert rows(Market1501(root)) == [(0, 0), (0, 2), (1, 1)]
    test = Market1501(root, split='test')
    assert rows(test) == [(1, 1), (0, 1), (1, 2)], 'distractor kept, junk not'
    assert test.query_splits == [(0,), (), ()]
    assert test.gallery_splits == [(), (0,), (0,)]
    people = rows(Market1501(root, split='all'))
    assert people == [(0, 0), (0, 3), (1, 2), (2, 0), (2, 1)], 'no distractor'


def test_what_shares_its_names(make_images) -> None:
    root = make_images(['bounding_box_train/0001_c2_f0046182.jpg'])
    assert rows(DukeMTMC(root)) == [(0, 0)]
    root = make_images(['cuhk/bounding_box_train/0001_c1_1.png'])
    assert rows(CUHK03NP(root / 'cuhk')) == [(0, 0)]


def msmt17(make_images, train: str, test: str, version: str) -> Path:
    lists = dict(
        list_train=['0000/0000_000_01_0303morning_0008_0.jpg 0'],
        list_val=['0001/0001_000_15_0303noon_0008_0.jpg 1'],
        list_query=['0000/0000_000_04_0302afternoon_0001_1.jpg 0'],
        list_gallery=['0000/0000_001_11_0302afternoon_0001_1.jpg 0', ''],
    )
    names = [
        f'{version}/{train if "train" in key or "val" in key else test}/{line[:-2]}'
        for key, lines in lists.items()
        for line in lines
        if line
    ]
    make_images(names)
    root = make_images([f'{version}/{key}.txt' for key in lists]) / version
    for key, lines in lists.items():
        (root / f'{key}.txt').write_text('\n'.join(lines))
    return root


@pytest.mark.parametrize(
    ('train', 'test'), [('train', 'test'), ('mask_train_v2', 'mask_test_v2')]
)
def test_msmt17(make_images, train, test) -> None:
    root = msmt17(make_images, train, test, 'V')
    dataset = MSMT17(root)
    assert rows(dataset) == [(0, 0), (1, 1)]
    assert [Path(dataset.table.path(i)).is_file() for i in (0, 1)] == [True, True]
    assert rows(MSMT17(root, split='test')) == [(0, 4), (0, 11)]
    everybody = MSMT17(root, split='all')
    assert rows(everybody) == [(0, 0), (1, 3), (2, 1), (2, 2)]
    assert Path(everybody.table.path(3)).is_file()
    (root / 'list_val.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'list_val\.txt is missing'):
        MSMT17(root).full_init()


def test_cuhk02(make_images) -> None:
    root = make_images(
        f'Dataset/P{pair}/cam{camera}/{person:03d}_01.png'
        for pair in (1, 2, 3, 4, 5)
        for camera in (1, 2)
        for person in (1, 2)
    )
    identity, camera = np.array(rows(CUHK02(root))).T
    assert len(set(identity)) == 8
    assert len(set(camera)) == 8
    assert len({*zip(identity, camera)}) == 16
    assert len(set(np.array(rows(CUHK02(root, split='all')))[:, 0])) == 10
    assert rows(CUHK02(root, split='test')) == [(1, 1), (2, 1), (1, 2), (2, 2)]


def test_cuhk_sysu(make_images) -> None:
    root = make_images(['cropped_images/p1_s1_1.jpg', 'cropped_images/p1_s2_1.jpg'])
    assert rows(CUHKSYSU(root)) == [(0, 0), (0, 0)]
