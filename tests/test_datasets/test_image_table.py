from __future__ import annotations

import os
import pickle
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets import ImageTable
from dynamix.datasets.image_table import path_arrays

PATHS = st.text(string.ascii_letters + '/é漢 ', min_size=0, max_size=12)
ROWS = st.tuples(
    st.integers(-1, 2**31 - 1),
    st.integers(0, 2**15 - 1),
    st.integers(-1, 2**31 - 1),
    st.integers(-1, 2**31 - 1),
    PATHS,
)


def make(rows: list[tuple], root: str = '/root') -> ImageTable:
    columns = list(zip(*rows)) or [()] * 5
    return ImageTable.from_columns(
        *[np.array(c, np.int64) for c in columns[:4]], paths=columns[4], root=root
    )


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(ROWS, max_size=20))
def test_gives_back_what_was_put_in_also_from_a_file(rows, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp('tables') / 'x' / 'a'
    table = make(rows)
    table.save(folder)
    for found in (table, ImageTable.load(folder), pickle.loads(pickle.dumps(table))):
        assert len(found) == len(rows)
        for i, (identity, camera, video, frame, path) in enumerate(rows):
            assert found.identity[i] == identity
            assert found.camera[i] == camera
            assert found.video[i] == video
            assert found.frame[i] == frame
            assert found.path(i) == os.path.join('/root', path)


def test_offsets_grow_when_paths_exceed_4_gib() -> None:
    for last, dtype in ((2**32 - 1, np.uint32), (2**32, np.uint64)):
        ends = path_arrays(np.array([1, last]), b'')['ends']
        assert ends.dtype == dtype
        assert ends.tolist() == [1, last]


def test_a_saved_table_is_mapped_and_pickled_by_name(tmp_path) -> None:
    folder = tmp_path / 'a'
    made = ImageTable.from_columns(np.arange(10_000), root='r')
    made.info['a'] = [1]
    made.save(folder)
    table = ImageTable.load(folder)
    base = table.identity
    while not isinstance(base, np.memmap):
        base = base.base
    assert not table.identity.flags.writeable
    sent = pickle.dumps(table)
    assert len(sent) < 1000
    again = pickle.loads(sent)
    assert (again.identity == table.identity).all()
    assert again.info == dict(a=[1])


def test_a_worker_notices_that_the_file_is_another_one(tmp_path) -> None:
    folder = tmp_path / 'a'
    ImageTable.from_columns([1]).save(folder)
    table = ImageTable.load(folder)
    sent = pickle.dumps(table)
    ImageTable.from_columns([2]).save(folder)
    assert table.identity[0] == 1, 'the old content must stay mapped'
    with pytest.raises(RuntimeError, match='was rebuilt while this run'):
        pickle.loads(sent)


def test_a_worker_takes_a_file_that_was_made_anew_of_the_same_data(tmp_path) -> None:
    def save() -> ImageTable:
        make([(1, 2, 3, 4, 'a')]).save(tmp_path / 'a')
        return ImageTable.load(tmp_path / 'a')

    sent = pickle.dumps(save())
    save()
    assert pickle.loads(sent).path(0) == '/root/a'


def test_the_token_names_the_content() -> None:
    rows = [(1, 2, 3, 4, 'ab'), (5, 6, 7, 8, 'c')]
    token = make(rows).token
    assert make(rows, root='/elsewhere').token == token
    changed = [(0, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0)]
    others = [make([(*row, 'ab'), rows[1]]) for row in changed]
    others += [make([(*rows[0][:4], 'a'), (*rows[1][:4], 'bc')]), make(rows[::-1])]
    others += [make(rows)]
    others[-1].info['truth'] = [1]
    assert len({token, *(other.token for other in others)}) == 8


def test_a_failed_save_leaves_the_old_table_alone(tmp_path, monkeypatch) -> None:
    folder = tmp_path / 'a'
    ImageTable.from_columns([1]).save(folder)
    before = sorted(folder.iterdir())
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError('full')))
    with pytest.raises(OSError, match='full'):
        ImageTable.from_columns([2]).save(folder)
    assert sorted(folder.iterdir()) == before
    assert ImageTable.load(folder).identity.tolist() == [1]


def test_a_save_removes_what_it_replaces(tmp_path) -> None:
    for value in (1, 2):
        ImageTable.from_columns([value]).save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2, 'index.json and one folder of arrays'


@pytest.mark.parametrize('damaged', ['index.json', '*/identity.npy'])
@pytest.mark.parametrize('keep', [0, 20, -1])
def test_refuses_a_damaged_file(tmp_path, damaged, keep) -> None:
    ImageTable.from_columns(np.arange(100)).save(tmp_path)
    (file,) = tmp_path.glob(damaged)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises((ValueError, EOFError)):
        ImageTable.load(tmp_path)


def test_refuses_a_table_of_another_version(tmp_path, monkeypatch) -> None:
    ImageTable.from_columns([0]).save(tmp_path)
    monkeypatch.setattr('dynamix.datasets.image_table.FORMAT_VERSION', 0)
    with pytest.raises(ValueError, match='no image table of this version'):
        ImageTable.load(tmp_path)


@pytest.mark.parametrize(
    ('columns', 'message'),
    [
        (dict(camera=2**15), "'camera' holds numbers from -32768"),
        (dict(frame=[1]), "'frame' has shape"),
        (dict(video=0.5), 'must hold integers'),
        (dict(paths=['a']), '2 identities, but 1 paths'),
    ],
)
def test_says_what_does_not_fit(columns, message) -> None:
    with pytest.raises(ValueError, match=message):
        ImageTable.from_columns([0, 1], **columns)


def test_path_of_a_row_that_is_not_there() -> None:
    table = ImageTable.from_columns([0, 1], paths=['a', 'b'])
    assert table.path(-1) == 'b'
    with pytest.raises(IndexError):
        table.path(2)
    with pytest.raises(ValueError, match='drawn'):
        ImageTable.from_columns([0]).path(0)
