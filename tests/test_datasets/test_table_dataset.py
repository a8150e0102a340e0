from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from dynamix.datasets import (
    LabelledFolder,
    MixedDataset,
    ReIDDataset,
    TableDataset,
    TargetDataset,
    TrackletFolder,
)
from dynamix.datasets.lmdb_packing import pack_lmdb
from dynamix.datasets.transforms import LoadReIDImage


def write(file: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    with open(file, 'w', newline='') as stream:
        table = csv.DictWriter(stream, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    return str(file)


def contents(dataset: ReIDDataset) -> set[tuple]:
    """What is known about each path, whatever the order."""
    dataset.full_init()
    table, size = dataset.table, len(dataset)
    nothing = [None] * size
    columns = zip(
        map(table.path, range(size)),
        *(getattr(table, c).tolist() for c in ('identity', 'camera', 'video', 'frame')),
        dataset.query_splits or nothing,
        dataset.gallery_splits or nothing,
        nothing if dataset.truth is None else dataset.truth.tolist(),
    )
    return {*columns}


PEOPLE = {
    'train': [
        '7/c2_1.jpg',
        '10/c1_1.jpg',
        '7/c1_1.jpg',
        '-1/c1_1.jpg',
        '0000/c1_1.jpg',
    ],
    'query': ['12/c1_1.jpg', '3/c2_1.jpg'],
    'gallery': ['12/c2_1.jpg', '3/c1_9.jpg', 'junk/c1_1.jpg', '0000/c4_1.jpg'],
}


def labelled(make_images) -> tuple[Path, list[dict]]:
    """Crops of a ``LabelledFolder``, and the same as rows, in another order."""
    paths = [f'{part}/{name}' for part, names in PEOPLE.items() for name in names]
    rows = []
    for path in paths[::-1]:
        split, person, name = path.split('/')
        rows.append(dict(path=path, camera=name[1], person=person, split=split, x='?'))
    return make_images(paths), rows


@pytest.mark.parametrize('split', ['train', 'test', 'all'])
def test_people_are_those_of_the_folders(make_images, split) -> None:
    root, rows = labelled(make_images)
    table = TableDataset(write(root / 'list.csv', rows), split=split)
    folder = LabelledFolder(str(root), split=split)
    assert contents(table) == contents(folder)
    assert table.kind == folder.kind == 'multi_camera'
    assert table.split_checks == folder.split_checks
    assert len(table) == {'train': 3, 'test': 6, 'all': 7}[split]


@pytest.mark.parametrize('split', ['train', 'holdout'])
def test_the_same_people_are_held_out(make_images, split) -> None:
    paths = [f'train/{i}/c{c}_1.jpg' for i in range(30) for c in (1, 2)]
    root = make_images(paths)
    rows = [dict(path=p, person=p.split('/')[1], camera=p[-7]) for p in paths]
    table = TableDataset(write(root / 'x.csv', rows), split=split, holdout=0.3)
    folder = LabelledFolder(str(root), split=split, holdout=0.3)
    assert contents(table) == contents(folder)
    assert 0 < len(table) < 60


def test_without_cameras_and_splits_all_is_for_training(
    make_images, logged, tmp_path
) -> None:
    root = make_images(['a.jpg', 'b.jpg'])
    rows = [dict(person='zoe', path='b.jpg'), dict(person='abe', path='a.jpg')]
    table = TableDataset(write(tmp_path / 'x.csv', rows), str(root))
    table.full_init()
    assert [table.table.path(i) for i in (0, 1)] == [f'{root}/b.jpg', f'{root}/a.jpg']
    assert table.table.identity.tolist() == [1, 0]
    assert any('the column `camera` of a table' in line for line in logged)


TRACKS = ['v2/t1/5.jpg', 'v1/t1/10.jpg', 'v1/t1/9.jpg', 'v1/t2/9.jpg', 'v2/t1/4.jpg']


def tracks(make_images) -> tuple[Path, list[dict]]:
    rows = [
        dict(zip(('video', 'tracklet', 'frame'), path[:-4].split('/')), path=path)
        for path in TRACKS
    ]
    return make_images(TRACKS), rows


@pytest.mark.parametrize('clock', [False, True])
def test_tracklets_are_those_of_the_folders(make_images, clock) -> None:
    root, rows = tracks(make_images)
    rows.sort(key=lambda row: (row['video'], -int(row['frame'])))
    table = TableDataset(
        write(root / 'list.csv', rows), labels='tracklet', frames_are_clock=clock
    )
    folder = TrackletFolder(str(root), frames_are_clock=clock)
    assert contents(table) == contents(folder)
    assert table.kind == 'single_camera'
    if clock:
        paths = [[d.table.path(i) for i in range(len(d))] for d in (table, folder)]
        assert paths[0] == paths[1]


def test_tracklets_without_videos_and_the_truth_of_each_image(make_images) -> None:
    root = make_images(f'{i}.jpg' for i in range(6))
    people = ['5', '', '-1', '005', 'anna', 'junk']
    rows = [
        dict(path=f'{i}.jpg', tracklet='tt7'[i % 3], person=person)
        for i, person in enumerate(people)
    ]
    dataset = TableDataset(write(root / 'x.csv', rows), labels='tracklet')
    dataset.full_init()
    assert [dataset.table.name(i)[0] for i in range(6)] == [*'013425']
    assert dataset.table.identity.tolist() == [0, 0, 0, 0, 1, 1]
    assert dataset.table.video.tolist() == [0] * 6
    assert dataset.truth.tolist() == [0, -1, 0, 1, -1, -1]


def test_parquet_holds_the_same(make_images) -> None:
    root, rows = tracks(make_images)
    for row, person in zip(rows, (3, None, 4, 3, None)):
        row.update(person=person, frame=int(row['frame']))
    options = dict(labels='tracklet', frames_are_clock=True)
    expected = TableDataset(write(root / 'x.csv', rows), **options)
    table = pyarrow.Table.from_pylist(rows)
    # numbers with gaps are floats, as pandas writes them; texts are a category
    floats = table['person'].cast(pyarrow.float64()).fill_null(float('nan'))
    table = table.set_column(table.column_names.index('person'), 'person', floats)
    coded = table['video'].dictionary_encode()
    table = table.set_column(table.column_names.index('video'), 'video', coded)
    pyarrow.parquet.write_table(table, root / 'x.parquet', row_group_size=2)
    dataset = TableDataset(str(root / 'x.parquet'), **options)
    assert contents(dataset) == contents(expected)
    assert np.array_equal(dataset.truth, expected.truth)
    assert dataset.table.token == expected.table.token


def test_paths_may_lie_in_an_lmdb(make_images, tmp_path) -> None:
    root, rows = labelled(make_images)
    write(root / 'list.csv', rows)
    whole = [
        TableDataset('list.csv', str(root), split=split) for split in ('train', 'test')
    ]
    for dataset in whole:
        dataset.full_init()
    packed = tmp_path / 'packed'
    pack_lmdb([dataset.table for dataset in whole], packed)
    for one in whole:
        for table in ('list.csv', str(root / 'list.csv')):
            other = TableDataset(table, str(packed), split=one.split)
            other.full_init()
            assert other.table.token == one.table.token
            info = other.get_data_info(1)
            assert info['img_path'] == f'lmdb://{packed}/{one.table.name(1)}'
            assert LoadReIDImage()(info)['img'].shape == (16, 8, 3)


def test_it_is_a_source_of_both_kinds_and_a_target(make_images) -> None:
    root, people = labelled(make_images)
    people_file = write(root / 'people.csv', people)
    _, tracked = tracks(make_images)
    tracks_file = write(root / 'tracks.csv', tracked)
    mixed = MixedDataset(
        [dict(type='dynamix.TableDataset', table=people_file)],
        [dict(type='dynamix.TableDataset', table=tracks_file, labels='tracklet')],
    )
    assert len(mixed) == 3 + 5
    assert mixed.identity_table.original.tolist() == [0, 1, 0, 2, 2, 3, 3, 4]
    with pytest.raises(ValueError, match='is multi_camera data, but the config'):
        MixedDataset([], [TableDataset(people_file)])
    target = TargetDataset([TableDataset(people_file, split='test', name='shop')])
    assert target.metainfo == dict(targets=['shop'], camera_problems=[])
    assert len(target) == 6


def test_the_index_is_made_again_when_the_table_has_changed(make_images) -> None:
    root, rows = tracks(make_images)
    file = write(root / 'list.csv', rows)
    assert len(TableDataset(file, labels='tracklet')) == 5
    kept = TableDataset(file, labels='tracklet')
    kept.build_table = None  # it is not called
    assert len(kept) == 5
    write(root / 'list.csv', rows[:3])
    os.utime(file, (1_700_000_001, 1_700_000_001))
    assert len(TableDataset(file, labels='tracklet')) == 3


TRACKLETS: dict = dict(labels='tracklet')
CLOCK: dict = dict(TRACKLETS, frames_are_clock=True)


@pytest.mark.parametrize(
    ('text', 'options', 'message'),
    [
        ('', {}, r'x.csv has the columns none, but path, person is missing'),
        (
            'path,id\na,1\n',
            {},
            r"columns path, id, but person is missing for labels='pe",
        ),
        ('path,person\n', TRACKLETS, r"but tracklet is missing for labels='tracklet'"),
        ('path,person\na,1\n', dict(split='test'), r"but split is .*split='test'"),
        ('path,tracklet\n', CLOCK, r'frame is missing .*frames_are_clock=True'),
        ('path,path,person\n', {}, r"x.csv names the column 'path' twice"),
        ('path,person\n\na,1\n,2\n', {}, r'table: .*x.csv, line 4: path is empty'),
        ('path,person\na,\n', {}, r'line 2: person is empty'),
        ('path,person,camera\na,1,\n', {}, r'line 2: camera is empty'),
        ('path,tracklet,video\na,1,\n', TRACKLETS, r'line 2: video is empty'),
        ('path,person,split\na,1,val\n', {}, r"line 2: split is 'val', expected train"),
        ('path,person\na,1,2\n', {}, r'line 2: there are 3 cells, but 2 columns: path'),
        ('path,person\na,1\n"b\nc"\n', {}, r'line 4: there are 1 cells'),
        ('path,tracklet,frame\na,1,1.5\n', CLOCK, r"line 2: frame is '1.5', expected"),
        ('path,tracklet,frame\na,1,-1\n', CLOCK, r"line 2: frame is '-1', expected a"),
        ('path,person\na,1\nb,1\na,2\n', {}, r"line 4: .* 'a' is that of .*, line 2, "),
        ('path,person\n', {}, r'there is no image to train on'),
        ('path,person\na,"' + 'x' * 140_000, {}, r'x.csv, line 2: field larger than'),
    ],
)
def test_an_error_names_file_row_and_column(tmp_path, text, options, message) -> None:
    file = tmp_path / 'x.csv'
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        TableDataset(str(file), **options).full_init()


def test_says_what_else_is_wrong(tmp_path, monkeypatch) -> None:
    with pytest.raises(
        FileNotFoundError, match=r'none\.csv is missing.*path, split, p'
    ):
        TableDataset(str(tmp_path / 'none.csv')).full_init()
    with pytest.raises(ValueError, match=r"labels must be one of \['person', 'trackl"):
        TableDataset('x.csv', labels='people')
    with pytest.raises(ValueError, match=r"set labels='person'"):
        TableDataset('x.csv', labels='tracklet', split='test')
    with pytest.raises(TypeError, match='takes no pattern'):
        TableDataset('x.csv', pattern='x')
    (tmp_path / 'x.parquet').write_bytes(b'PAR1')
    with pytest.raises(ValueError, match=r'x.parquet cannot be read as Parquet'):
        TableDataset(str(tmp_path / 'x.parquet')).full_init()
    paths = [f'{i}.jpg' for i in range(999)]
    pyarrow.parquet.write_table(
        pyarrow.table(dict(path=paths, person=paths)), tmp_path / 'z.parquet'
    )
    content = bytearray((tmp_path / 'z.parquet').read_bytes())
    content[50:2000] = bytes(1950)  # the end, which says what is in it, is there
    (tmp_path / 'z.parquet').write_bytes(content)
    with pytest.raises(ValueError, match=r'z.parquet cannot be read as Parquet'):
        TableDataset(str(tmp_path / 'z.parquet')).full_init()
    table = pyarrow.table(dict(path=['a', 'b'], person=[1, None]))
    pyarrow.parquet.write_table(table, tmp_path / 'y.parquet')
    with pytest.raises(ValueError, match=r'y.parquet, row 2: person is empty'):
        TableDataset(str(tmp_path / 'y.parquet')).full_init()
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(ImportError, match=r'needs pyarrow: pip install -e "\.\[tables'):
        TableDataset(str(tmp_path / 'y.parquet')).full_init()
