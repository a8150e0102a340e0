"""Images inside an LMDB, listed and read as those of a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import lmdb
import mmcv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from dynamix.datasets import (
    MSMT17,
    ImageTableBuilder,
    LabelledFolder,
    LUPersonNL,
    ReIDDataset,
    TrackletFolder,
)
from dynamix.datasets.image_files import iter_images, natural_key
from dynamix.datasets.lmdb_images import close_lmdb, image_root, open_lmdb
from dynamix.datasets.lmdb_packing import folder_table, pack_lmdb
from dynamix.datasets.transforms import LoadReIDImage


def write(path: Path, images: Mapping[str, bytes]) -> Path:
    subdir = path.suffix != '.mdb'
    with (
        lmdb.open(str(path), map_size=1 << 26, subdir=subdir) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, image in images.items():
            transaction.put(os.fsencode(key), image)
    os.utime(path / 'data.mdb' if subdir else path, (1_700_000_000, 1_700_000_000))
    return path


def picture(value: int) -> bytes:
    return cv2.imencode('.png', np.full((8, 4, 3), value, np.uint8))[1].tobytes()


LAYOUTS = dict(
    tracklets=(
        TrackletFolder,
        dict(folder='videos', truth='truth.csv'),
        [
            *('videos/v10/t1/9.jpg', 'videos/v10/t1/10.jpg', 'videos/v9/t1/1.jpg'),
            *('videos/Große Straße/v1/t 1/1.jpg', 'videos/v9-2/t1/1.jpg', 'other.jpg'),
        ],
        {'truth.csv': 'video,tracklet,person\nv10,t1,anna\n'},
    ),
    labelled=(
        LabelledFolder,
        dict(split='test'),
        [
            *('train/7/c1_1.jpg', 'query/12/c1_1.jpg', 'gallery/12/c2_1.png'),
            *('gallery/-1/c2_1.png', 'gallery/b/c3_10.bmp', 'gallery/b/c3_9.bmp'),
        ],
        {},
    ),
    msmt17=(
        MSMT17,
        {},
        [f'mask_train_v2/000{i}/000{i}_000_0{i}_03m_0.jpg' for i in (0, 1)],
        {
            'list_train.txt': '0001/0001_000_01_03m_0.jpg 1\n',
            'list_val.txt': '0000/0000_000_00_03m_0.jpg 0\n',
        },
    ),
)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_packed_data_set_is_that_of_its_folder(make_images, tmp_path, layout) -> None:
    reader, options, names, lists = LAYOUTS[layout]
    root = make_images(names)
    for file, text in lists.items():
        (root / file).write_text(text)
    assert pack_lmdb([folder_table(str(root))], tmp_path / 'packed') == len(names)
    whole: ReIDDataset = reader(str(root), **options)
    packed: ReIDDataset = reader(str(tmp_path / 'packed'), **options)
    assert len(packed) == len(whole) > 1
    assert packed.table.token == whole.table.token
    assert packed.split_checks == whole.split_checks
    for row in range(len(whole)):
        name = whole.table.name(row)
        info = packed.get_data_info(row)
        assert info['img_path'] == f'lmdb://{tmp_path}/packed/{name}'
        image = LoadReIDImage()(info)['img']
        assert (image == LoadReIDImage()(whole.get_data_info(row))['img']).all()
        assert (image == mmcv.imread(info['img_path'])).all()


def test_the_lmdb_of_luperson_nl_as_its_authors_write_it(tmp_path) -> None:
    keys = [
        '00001_000012_0000345_00',
        '00001_000012_0000345_01',
        '00001_000012_0000346_00',
        '00001_000013_0000345_02',
        '00002_000012_0000345_00',
    ]
    root = write(tmp_path / 'lmdb', {key: picture(i) for i, key in enumerate(keys)})
    dataset = LUPersonNL(str(root))
    assert len(dataset) == len(keys)
    assert dataset.table.identity.tolist() == [0, 0, 0, 1, 2]
    assert dataset.table.video.tolist() == [0, 0, 0, 0, 1]
    assert dataset.table.frame.tolist() == [345, 345, 346, 345, 345]
    for row, key in enumerate(keys):
        assert dataset.table.name(row) == key
        image = LoadReIDImage()(dataset.get_data_info(row))['img']
        assert (image == row).all()


def test_other_keys_are_read_by_a_pattern(tmp_path) -> None:
    root = write(tmp_path / 'x', dict.fromkeys(('p7@2', 'p12@1', 'p7@10'), picture(1)))
    dataset = LabelledFolder(
        str(root),
        folders=dict(train=''),
        pattern=r'/p(?P<identity>\d+)@(?P<camera>\d+)',
    )
    dataset.full_init()
    assert [dataset.table.name(i) for i in range(3)] == ['p7@2', 'p7@10', 'p12@1']
    assert dataset.table.identity.tolist() == [0, 0, 1]
    assert dataset.table.camera.tolist() == [1, 2, 0]


NAMES = st.from_regex(r'[a1]{1,2}(/[b20-]{1,3}){0,2}', fullmatch=True)


@settings(max_examples=25, deadline=None)
@given(st.sets(NAMES, max_size=12))
def test_keys_come_in_the_order_of_folders(tmp_path_factory, names) -> None:
    root = tmp_path_factory.mktemp('keys')
    write(root, dict.fromkeys([*names, '.hidden/a', 'notes.txt'], b''))
    builder = ImageTableBuilder(image_root(str(root)))
    found = list(iter_images(builder, ''))

    def order(name: str) -> list:
        *folders, file = name.split('/')
        return [
            *((1, natural_key(f), f) for f in folders),
            (0, natural_key(file), file),
        ]

    assert found == sorted(names, key=order)
    assert builder.other_suffixes == {'.txt': 1}
    close_lmdb(str(root))


OPENED: list[lmdb.Environment] = []


class Reading:
    """Mean value of each image, who read it, and whether from what was inherited."""

    def __init__(self, dataset: ReIDDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> tuple[int, int, bool]:
        image = LoadReIDImage()(self.dataset.get_data_info(row))['img']
        environment = open_lmdb(self.dataset.data_root)
        return int(image.mean()), os.getpid(), environment in OPENED


@pytest.mark.parametrize(('start', 'workers'), [('fork', 2), ('spawn', 1)])
def test_loader_workers_open_it_themselves(tmp_path, start, workers) -> None:
    keys = [f'v/t{i // 4}/{i:03d}.png' for i in range(32)]
    root = write(tmp_path / 'x', {key: picture(i) for i, key in enumerate(keys)})
    reading = Reading(TrackletFolder(str(root)))
    assert reading[5][0] == 5
    OPENED[:] = [open_lmdb(str(root))]
    loader = DataLoader(
        reading, 4, num_workers=workers, multiprocessing_context=start, collate_fn=list
    )
    values, processes, inherited = zip(*(item for batch in loader for item in batch))
    assert values == tuple(range(32))
    assert len({*processes} - {os.getpid()}) == workers
    assert not any(inherited)
    assert reading[9] == (9, os.getpid(), True)


def test_the_index_is_made_again_when_the_lmdb_has_changed(tmp_path) -> None:
    root = write(tmp_path / 'x', {'v/t/1.png': picture(1)})
    assert len(TrackletFolder(str(root))) == 1
    kept = TrackletFolder(str(root))
    kept.build_table = None  # it is not called
    assert len(kept) == 1
    write(root, {'v/t/2.png': picture(2)})
    os.utime(root / 'data.mdb', (1_700_000_001, 1_700_000_001))
    assert len(TrackletFolder(str(root))) == 2


def test_one_file_without_a_folder(tmp_path) -> None:
    file = str(write(tmp_path / 'x.mdb', {'v/t/1.png': picture(3)}))
    dataset = TrackletFolder(file)
    assert (LoadReIDImage()(dataset.get_data_info(0))['img'] == 3).all()


def load(path: str) -> None:
    LoadReIDImage()(dict(img_path=path))


def test_says_what_is_wrong(tmp_path, monkeypatch) -> None:
    root = write(tmp_path / 'x', {'v/t/1.png': picture(1)[:-9], 'v/t/2.txt': b''})
    with pytest.raises(FileNotFoundError, match=r'image lmdb.*x/v/t/3.png is missing'):
        load(f'lmdb://{root}/v/t/3.png')
    with pytest.raises(FileNotFoundError, match=r'none/a.png is missing'):
        load(f'lmdb://{tmp_path}/none/a.png')
    with pytest.raises(ValueError, match=r'x/v/t/1.png is cut off'):
        load(f'lmdb://{root}/v/t/1.png')
    with pytest.raises(FileNotFoundError, match='x/train is missing'):
        LabelledFolder(str(root)).full_init()
    with pytest.raises(ValueError, match=r'no image in .*x/w, .*: 1 .txt'):
        TrackletFolder(str(write(root, {'w/t/2.txt': b''})), folder='w').full_init()
    (tmp_path / 'archive.zip').write_bytes(b'PK' * 5000)
    with pytest.raises(ValueError, match=r'archive.zip cannot be read as an LMDB'):
        TrackletFolder(str(tmp_path / 'archive.zip')).full_init()
    large = write(tmp_path / 'large', {f'v/t/{i}.png': bytes(9000) for i in range(9)})
    os.truncate(large / 'data.mdb', 40_000)  # a copy that was interrupted
    with pytest.raises(ValueError, match=r'large is cut off: it has 40000 bytes'):
        load(f'lmdb://{large}/v/t/8.png')
    monkeypatch.setitem(sys.modules, 'lmdb', None)
    with pytest.raises(ImportError, match=r'x needs lmdb: pip install -e "\.\[lmdb\]"'):
        TrackletFolder(str(root), folder='v').full_init()
