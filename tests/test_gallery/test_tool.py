"""tools/gallery.py, as a user calls it."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('faiss')

from dynamix.apis import ReIDInferencer
from dynamix.gallery import Gallery

TOOL = Path(__file__).parents[2] / 'tools' / 'gallery.py'


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the tool; returns what it printed, or raises SystemError with it."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr('sys.argv', ['gallery.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(TOOL), run_name='__main__')
        out, errors = capsys.readouterr()
        if ended.value.code:
            assert ended.value.code == 2
            raise SystemError(errors)
        return out + errors

    return run


HERE = ('--num-workers', 0)


def test_from_tracklets_to_a_picture(run, model, tracks, tmp_path):
    hall = tmp_path / 'hall'
    clock = ('--tracklets', '--fps', 10, '--time', 1000)
    out = run('build', hall, model, tracks / 'door', *clock, *HERE)
    assert 'added 3 entries to' in out
    out = run('add', hall, model, tracks, *clock, *HERE)
    assert 'left out 3 inputs that are in it already' in out
    assert 'which now has 6' in out
    query = tracks / 'cam2' / '0001' / '000110.png'  # person 3
    table, picture = tmp_path / 'found.csv', tmp_path / 'found.png'
    wishes = ('--topk', 2, '--out', table, '--picture', picture)
    out = run('search', hall, model, query, *wishes, *HERE)
    rows = list(csv.DictReader(table.open()))
    assert [row['path'] for row in rows] == [
        str(tracks / 'cam2' / '0001'),
        str(tracks / 'door' / '0002'),
    ]
    assert [row['camera'] for row in rows] == ['2', 'door']
    assert [float(row['time']) for row in rows] == [1010, 1020]
    assert {row['query'] for row in rows} == {str(query)}
    assert all(row['path'] in out for row in rows)
    assert cv2.imread(str(picture)).shape[0] == 188

    with Gallery.open(hall) as gallery:
        inferencer = ReIDInferencer(model)
        mean = inferencer(sorted((tracks / 'door' / '0002').iterdir())).mean(axis=0)
        match = gallery.search(mean[None], topk=1)[0][0]
        assert match.score == pytest.approx(1, abs=1e-3)
        assert match.entry.path == rows[1]['path']

    late = ('--topk', 9, '--camera', 'door', '--time', 1005, 1015)
    run('search', hall, model, query, *late, '--out', table, *HERE)
    found = [row['path'] for row in csv.DictReader(table.open())]
    assert found == [str(tracks / 'door' / '0001')]
    out = run('search', hall, model, query, '--camera', 'roof', *HERE)
    assert 'its cameras: 2, door' in out

    assert 'removed 2 entries; 4 are left' in run(
        'remove', hall, tracks / 'door', '--time', 1000, 1015
    )
    assert '4 entries of 24 numbers by model' in run('verify', hall)


def test_crops_of_a_person_and_features(run, model, tracks, tmp_path):
    anna = tmp_path / 'anna'
    anna.mkdir()
    for camera in (1, 2):
        name = anna / f'c{camera}_7.png'
        name.write_bytes((tracks / 'door' / '0000' / '000000.png').read_bytes())
    hall = tmp_path / 'hall'
    (anna / 'c3_1.png').write_bytes(b'no image')
    out = run('build', hall, model, anna, '--person', 'anna', *HERE)
    assert 'left out 1 inputs, which cannot be read:' in out
    assert str(anna / 'c3_1.png') in out
    with Gallery.open(hall) as gallery:
        entries = gallery.entries(gallery.select())
    assert [(e.person, e.camera, e.path) for e in entries] == [
        ('anna', camera, str(anna / f'c{camera}_7.png')) for camera in '12'
    ]

    features = np.random.default_rng(0).random((3, 24), np.float32)
    made = dict(features=features, paths=['x/c1_1.png', 'x/c1_2.png', 'c2_1.png'])
    np.savez(tmp_path / 'new.npz', **made)
    run('add', hall, model, tmp_path / 'new.npz', '--person', 'carl')
    with Gallery.open(hall) as gallery:
        new = gallery.entries(gallery.select(person='carl'))
        assert [(e.path, e.camera) for e in new] == [
            ('x/c1_1.png', '1'),
            ('x/c1_2.png', '1'),
            ('c2_1.png', '2'),
        ]
        assert gallery.search(features[1:2])[0][0].entry == new[1]
    np.savez(tmp_path / 'more.npz', features=features[:2], paths=['y/1.png', 'y/2.png'])
    run('add', hall, model, tmp_path / 'more.npz', '--camera', 'hall', '--tracklets')
    with Gallery.open(hall) as gallery:
        new = gallery.entries(gallery.select(camera='hall'))
        assert [e.path for e in new] == ['y']
    assert 'removed 1 entries' in run('remove', hall, 'c2_1.png')
    np.savez(tmp_path / 'other.npz', **made, model='abc')
    with pytest.raises(SystemError, match=r'other\.npz was made by model abc, not by'):
        run('add', hall, model, tmp_path / 'other.npz')


def test_what_goes_wrong_is_said_in_a_line(run, model, tracks, tmp_path):
    hall = tmp_path / 'hall'
    (tmp_path / 'empty').mkdir()
    np.savez(tmp_path / 'bad.npz', x=1)
    (tmp_path / 'cut.npz').write_bytes(b'PK')
    (tmp_path / 'c1').mkdir()
    (tmp_path / 'c1' / 'c2_1.png').write_bytes(b'')
    for arguments, message in (
        (('search', hall, model, tracks), 'there is no gallery in'),
        (
            ('build', hall, model, tmp_path / 'nobody.jpg'),
            r'no file or folder .*nobody',
        ),
        (('build', hall, model, tmp_path / 'empty'), 'empty holds no image'),
        (('build', hall, model, model), r'means\.onnx is no image, no folder and no'),
        (('build', hall, model, tmp_path / 'bad.npz'), r'bad\.npz does not hold'),
        (('build', hall, model, tmp_path / 'cut.npz'), r'cut\.npz does not hold'),
        (('build', hall, model, tmp_path / 'c1'), 'several cameras .*by --camera'),
        (('build', hall, model), 'a config and a checkpoint, or an ONNX file, and the'),
        (('remove', hall), 'say what to remove'),
        (('search', hall, model, tracks, '--topk', 0), 'expected at least 1'),
        (('search', hall, model, tracks, '--picture', 'a'), 'expected an image'),
    ):
        with pytest.raises(SystemError, match=message):
            run(*arguments, *(HERE if arguments[0] in ('build', 'search') else ()))
    assert not hall.exists()
    run('build', hall, model, tracks, '--camera', 'x', *HERE)
    with pytest.raises(SystemError, match=r'there is a gallery in .*: use `add`'):
        run('build', hall, model, tracks, *HERE)
    (hall / 'gallery.sqlite').write_bytes(b'garbage' * 999)
    with pytest.raises(SystemError, match=r'gallery\.sqlite is damaged'):
        run('verify', hall)
