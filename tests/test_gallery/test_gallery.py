from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('faiss')

from dynamix.gallery import Gallery

from .conftest import DIM, MODEL, unit


def names(rows: int, of: str = 'crop') -> list[str]:
    return [f'{of}/{row}.jpg' for row in range(rows)]


@pytest.fixture
def gallery(folder: Path):
    with Gallery.create(folder, DIM, MODEL, 'epoch_9.pth') as made:
        yield made


def found(gallery: Gallery, queries: np.ndarray, topk: int = 10, **conditions):
    rows = gallery.search(queries, topk, **conditions)
    return [[match.entry.path for match in row] for row in rows]


def test_finds_the_nearest_with_what_is_known_of_them(gallery, folder):
    assert gallery.search(unit(2)) == [[], []]
    features = unit(200)
    people = [f'p{row % 7}' for row in range(200)]
    times = [row / 2 for row in range(200)]
    ids = gallery.add(3 * features, names(200), ['c1', None] * 100, times, people)
    assert len(gallery) == 200
    queries = unit(20, seed=1)
    scores = queries @ features.T
    order = np.argsort(-scores, axis=1)[:, :10]
    with Gallery.open(folder, MODEL) as reader:
        assert (reader.dim, len(reader)) == (DIM, 200)
        rows = reader.search(5 * queries)
    for row, expected, score in zip(rows, order, scores):
        assert [match.entry.id for match in row] == ids[expected].tolist()
        given = [match.score for match in row]
        np.testing.assert_allclose(given, score[expected], atol=1e-3)
    entry, n = rows[0][0].entry, order[0, 0]
    assert entry[1:] == (f'crop/{n}.jpg', ['c1', None][n % 2], n / 2, people[n])
    assert gallery.entries([ids[3], 999, ids[0]])[0].path == 'crop/3.jpg'
    assert gallery.cameras() == ['c1']
    assert gallery.known(['crop/7.jpg', 'crop/200.jpg']) == {'crop/7.jpg'}


def test_integers_find_what_floats_do_as_a_gallery_grows(gallery):
    # far more spread along some axes, and the first say nothing of it
    features = unit(12000) * np.geomspace(1, 0.05, DIM) + np.eye(DIM)[0]
    features[:2] = np.eye(DIM)[0] + 0.001 * features[:2]
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    start = 0
    for end in (2, 9000, 12000):
        part = slice(start, end)
        gallery.add(features[part], names(12000)[part])
        queries = features[part][-100:]
        kept = features[:end].astype(np.float16).astype(float)
        order = np.argsort(-queries @ kept.T, axis=1)[:, :10]
        rows = found(gallery, queries)
        same = [{*row} == {*np.array(names(12000))[o]} for row, o in zip(rows, order)]
        assert np.mean(same) > 0.95
        start = end


@pytest.mark.parametrize('ivf_from', [10**6, 60])
def test_the_removed_are_not_found_and_ids_are_stable(folder, ivf_from):
    features = unit(120)
    with Gallery.create(folder, DIM, MODEL, ivf_from=ivf_from) as gallery:
        ids = gallery.add(features, names(120))
        reader = Gallery.open(folder)
        assert found(reader, features, topk=1) == [[name] for name in names(120)]
        assert gallery.remove(ids[60:]) == 60
        assert gallery.remove(ids[60:70]) == 0
        new = gallery.add(features[60:], names(60, 'new'))
        assert new.min() > ids.max()
        expected = names(120)[:60] + names(60, 'new')
        for either in (gallery, reader, Gallery.open(folder)):
            assert found(either, features, topk=1) == [[name] for name in expected]
        kept = [row[0].entry.id for row in reader.search(features[:60], topk=1)]
        assert kept == ids[:60].tolist()
        gallery.remove(gallery.select())
        assert reader.search(features[:1]) == [[]]


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_filters_are_those_of_a_plain_loop(tmp_path_factory, data):
    rows = data.draw(st.integers(1, 40))
    each = dict(min_size=rows, max_size=rows)
    cameras = data.draw(st.lists(st.sampled_from(['a', 'b', "c'", None]), **each))
    times = data.draw(st.lists(st.none() | st.integers(0, 9), **each))
    limit = st.none() | st.integers(0, 9)
    camera = data.draw(st.none() | st.sampled_from(['a', "c'", ['a', 'b'], ['z'], []]))
    period = data.draw(st.none() | st.tuples(limit, limit))
    ivf_from = data.draw(st.sampled_from([1, 10**6]))

    def fits(row: int) -> bool:
        wanted = [camera] if isinstance(camera, str) else camera
        if wanted is not None and cameras[row] not in wanted:
            return False
        first, last = period or (None, None)
        if first is None and last is None:
            return True
        moment = times[row]
        if moment is None:
            return False
        return (first is None or moment >= first) and (last is None or moment <= last)

    features, query = unit(rows), unit(1, seed=1)
    order = np.argsort(-(query @ features.T)[0])
    expected = [f'crop/{row}.jpg' for row in order if fits(row)]
    folder = tmp_path_factory.mktemp('gallery')
    with Gallery.create(folder, DIM, MODEL, ivf_from=ivf_from) as gallery:
        gallery.add(features, names(rows), cameras, times)
        if camera is None and period is None:
            period = (None, None)  # with a filter, search is exact
        assert found(gallery, query, rows, camera=camera, time=period) == [expected]
        some = gallery.select(camera, period)
        assert {entry.path for entry in gallery.entries(some)} == {*expected}


def test_selects_by_person_and_folder(gallery):
    paths = ['/a/1.jpg', '/a/b/2.jpg', '/ab/3.jpg', '/a', 'loose']
    ids = gallery.add(unit(5), paths, persons=['anna', None, 'anna', None, None])
    assert gallery.select(below=['/a']).tolist() == ids[[0, 1, 3]].tolist()
    assert gallery.select(below=['/a/1.jpg', 'loose']).tolist() == ids[[0, 4]].tolist()
    assert gallery.select(person='anna', below=['/a']).tolist() == [ids[0]]


def test_inverted_lists_are_trained_and_trained_again_as_it_grows(folder):
    rng = np.random.default_rng(0)
    people = rng.standard_normal((40, DIM))
    features = np.repeat(people, 50, axis=0) + 0.1 * rng.standard_normal((2000, DIM))
    features = features[rng.permutation(2000)]
    with (
        Gallery.create(folder, DIM, MODEL, ivf_from=300) as gallery,
        Gallery.create(folder / 'exact', DIM, MODEL) as exact,
        Gallery.open(folder) as reader,
    ):
        trainings = []
        for start in range(0, 2000, 250):
            part = slice(start, start + 250)
            gallery.add(features[part], names(2000)[part])
            exact.add(features[part], names(2000)[part])
            assert found(reader, people) == found(gallery, people)
            trainings.append(noted(folder, 'trained_on'))
        assert trainings == [0, *[500] * 6, 2000]
        pairs = zip(found(reader, people), found(exact, people))
        recall = np.mean([len({*a} & {*b}) / 10 for a, b in pairs])
        assert recall > 0.9
        assert reader.verify() == []


def noted(folder: Path, key: str) -> object:
    with sqlite3.connect(folder / 'gallery.sqlite') as db:
        return db.execute('SELECT value FROM about WHERE key = ?', [key]).fetchone()[0]


def test_a_call_adds_all_or_nothing(gallery, folder):
    gallery.add(unit(3), names(3))
    with pytest.raises(ValueError, match=r"'crop/2.jpg' is in the gallery .*hall alr"):
        gallery.add(unit(2, 1), ['new', 'crop/2.jpg'])
    with pytest.raises(ValueError, match=r"'\\udcff' is no UTF-8"):
        gallery.add(unit(2, 1), ['new', '\udcff'])
    for features, message in (
        (unit(2)[:, :5], r'must be \[N, 16\] for this gallery, but are \[2, 5\]'),
        (unit(2) * [[1], [0]], 'feature 1 is zero or not finite'),
        (unit(2) * [[np.nan], [1]], 'feature 0 is zero or not finite'),
        (unit(3), '3 features but 2, 2, 2, 2 paths'),
    ):
        with pytest.raises(ValueError, match=message):
            gallery.add(features, ['new', 'newer'])
    assert len(gallery) == 3
    assert gallery.verify() == []
    with (
        Gallery.open(folder) as reader,
        pytest.raises(RuntimeError, match='hall is not open for writing'),
    ):
        reader.remove([1])


def test_another_model_and_a_second_writer_are_refused(gallery, folder):
    message = r'by model a1b2c3d4e5f60718 \(epoch_9.pth\), not by model 0000'
    with pytest.raises(ValueError, match=message):
        Gallery.open(folder, '0000')
    for attempt in (
        lambda: Gallery.open(folder, write=True),
        lambda: Gallery.create(folder, DIM, MODEL),
    ):
        with pytest.raises(RuntimeError, match=r'is writing to the gallery .*hall'):
            attempt()
    gallery.close()
    with pytest.raises(FileExistsError, match='hall already'):
        Gallery.create(folder, DIM, MODEL)
    with pytest.raises(ValueError, match='not by model 0000'):
        Gallery.open(folder, '0000', write=True)
    Gallery.open(folder, write=True).close()
    with pytest.raises(FileNotFoundError, match=r'no gallery in .*elsewhere'):
        Gallery.open(folder / 'elsewhere')
    assert not (folder / 'elsewhere').exists()


def test_a_damaged_file_is_named(gallery, folder):
    features = unit(4000)
    gallery.add(features, names(4000))
    gallery.close()
    file = folder / 'gallery.sqlite'
    whole = file.read_bytes()
    with Gallery.open(folder) as reader:
        assert reader.verify() == []

    at = whole.index(features[7].astype(np.float16).tobytes()) + 3
    file.write_bytes(whole[:at] + b'?' + whole[at + 1 :])
    with Gallery.open(folder) as reader:
        assert reader.verify() == [
            '1 entries lack a feature of length 1 or an inverted list; ids: 8'
        ]

    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes(65536) + whole[middle + 65536 :])
    with Gallery.open(folder) as reader:
        assert reader.verify() != []
        with pytest.raises(ValueError, match=r'hall/gallery\.sqlite is damaged'):
            reader.search(features[:1])

    for content in (whole[:middle], b'no gallery' * 999):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r'hall/gallery\.sqlite is damaged: '):
            Gallery.open(folder)
    file.write_bytes(b'')
    with pytest.raises(ValueError, match='is no gallery of this version'):
        Gallery.open(folder)
