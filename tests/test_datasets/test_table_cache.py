from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from dynamix.datasets import ImageTable, ImageTableBuilder, Market1501
from dynamix.datasets.table_cache import cached_table, default_cache_dir

NAMES = [
    'bounding_box_train/0001_c1s1_1.jpg',
    'bounding_box_train/0001_c2s1_1.jpg',
]


def test_default_place(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv('DYNAMIX_CACHE', str(tmp_path / 'a'))
    assert default_cache_dir() == tmp_path / 'a'
    monkeypatch.delenv('DYNAMIX_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_cache_dir() == tmp_path / 'dynamix'


def test_the_second_time_nothing_is_listed(make_images, monkeypatch) -> None:
    root = make_images(NAMES)
    assert len(Market1501(root)) == 2

    def forbidden(*_args: object) -> None:
        raise AssertionError('the folder was listed again')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'scandir', forbidden)
        assert len(Market1501(root)) == 2
    (root / 'bounding_box_train' / '0002_c1s1_1.jpg').write_bytes(b'x')
    assert len(Market1501(root)) == 3
    (root / 'bounding_box_train' / '0002_c1s1_1.jpg').unlink()
    assert len(Market1501(root)) == 2


def test_options_and_folders_do_not_share_a_table(make_images, cache_dir) -> None:
    root = make_images([*NAMES, 'query/0001_c1.jpg', 'bounding_box_test/0001_c2.jpg'])
    assert len(Market1501(root)) == 2
    assert len(Market1501(root, split='all')) == 4
    assert len(Market1501(root, folders=dict(train='query'))) == 1
    assert len(list(cache_dir.iterdir())) == 3


def test_a_root_that_is_not_given_is_where_the_run_was_started(
    make_images, monkeypatch
) -> None:
    root = make_images([f'{place}/{name}' for place in 'ab' for name in NAMES])
    for place in 'ab':
        monkeypatch.chdir(root / place)
        dataset = Market1501('')
        dataset.full_init()
        assert dataset.table.path(0) == str(root / place / NAMES[0])


def reader(**members: Any) -> type[Market1501]:
    """A user's reader, always under the same name."""
    return type('Mine', (Market1501,), dict(__module__='mine', **members))


def test_what_a_reader_declares_decides_its_table(make_images, cache_dir) -> None:
    root = make_images([*NAMES, 'bounding_box_train/0002_c1s1_1.jpg'])

    def count(kind: type[Market1501]) -> tuple[int, int]:
        dataset = kind(root)
        return len(dataset), len({*dataset.table.identity.tolist()})

    def merged(self: Market1501, part: str, match: re.Match) -> tuple[str, int]:
        return 'one', 0

    assert count(reader()) == (3, 2)
    assert count(reader()) == (3, 2)
    assert len(list(cache_dir.iterdir())) == 1, 'unchanged: read, not made'
    assert count(reader(DISTRACTORS=(2,))) == (2, 1)
    assert count(reader(label=merged, VERSION=2)) == (3, 1)
    assert len(list(cache_dir.iterdir())) == 3


def test_a_place_that_cannot_be_written_is_no_error(tmp_path) -> None:
    (tmp_path / 'file').write_text('')
    table = cached_table(lambda: ImageTable.from_columns([4]), {}, tmp_path / 'file')
    assert table.identity.tolist() == [4]
    assert table.folder is None


def test_a_damaged_file_is_built_anew(tmp_path) -> None:
    def get(value: int) -> list[int]:
        table = cached_table(lambda: ImageTable.from_columns([value]), {}, tmp_path)
        return table.identity.tolist()

    assert get(4) == [4]
    assert get(5) == [4], 'a current table is kept'
    next(tmp_path.glob('*/*/identity.npy')).write_bytes(b'')
    assert get(6) == [6]
    next(tmp_path.glob('*/index.json')).write_text('{}')
    assert get(7) == [7]


def _rank(rank: int, port: int, folder: str, case: str) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2
    )

    def build() -> ImageTable:
        Path(folder, f'built_by_{rank}').touch()
        if case == 'fails':
            raise FileNotFoundError('no such folder')
        time.sleep(0.3)
        builder = ImageTableBuilder(f'{folder}/data of rank {rank}')
        if case == 'just changed':
            builder.root = folder
            builder.watch('')
        builder.add('1.jpg', 0)
        builder.add(f'{rank}.jpg' if case == 'other data' else '2.jpg', 0)
        return builder.build()

    machine = rank if 'data' in case else 0
    try:
        table = cached_table(build, {}, Path(folder, f'cache_{machine}'))
        Path(folder, f'rows_{rank}_{len(table)}').touch()
    except FileNotFoundError:
        Path(folder, f'error_{rank}').touch()
    except ValueError as error:
        Path(folder, str(error).partition(' images in')[0]).touch()
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ('case', 'expected'),
    [
        ('settled', {'built_by_0', 'rows_0_2', 'rows_1_2'}),
        ('just changed', {'built_by_0', 'rows_0_2', 'rows_1_2'}),
        ('fails', {'built_by_0', 'error_0', 'error_1'}),
        ('same data', {'built_by_0', 'built_by_1', 'rows_0_2', 'rows_1_2'}),
        ('other data', {'built_by_0', 'built_by_1', 'rows_0_2', 'rank 1 finds 2'}),
    ],
)
def test_of_two_ranks_one_builds_for_its_machine_and_both_learn_of_an_error(
    tmp_path, case, expected
) -> None:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mp.start_processes(
        _rank, args=(port, str(tmp_path), case), nprocs=2, start_method='fork'
    )
    found = {path.name for path in tmp_path.iterdir()}
    assert found - {'cache_0', 'cache_1'} == expected
