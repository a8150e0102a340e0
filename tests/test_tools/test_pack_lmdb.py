"""tools/dataset_converters/pack_lmdb.py"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import lmdb
import pytest
from mmengine import fileio

from dynamix.datasets import Market1501, TrackletFolder, lmdb_packing

from .conftest import load_tool

CONFIG = """
root = '{root}'
train_dataloader = dict(
    dataset=dict(
        type='MixedDataset',
        multi_camera=[dict(type='Market1501', data_root=root)],
        single_camera=[
            dict(type='TrackletFolder', data_root=root, folder='v', truth='t.csv')],
    ),
    sampler=dict(
        type='MixedDataSampler',
        multi_camera=dict(identities=2, images=2),
        single_camera=dict(videos=2, identities=1, images=2),
    ))
test_dataloader = dict(
    dataset=dict(
        type='TargetDataset',
        targets=[dict(type='Market1501', data_root=root, split='test')]))
test_evaluator = dict(type='ReIDMetric')
"""
NAMES = [
    *(f'bounding_box_train/{i:04d}_c{c}s1_1_00.jpg' for i in (1, 2) for c in (1, 2)),
    *('query/0003_c1s1_1_00.jpg', 'bounding_box_test/0003_c2s1_1_00.jpg'),
    *('v/v1/t1/1.jpg', 'v/v2/t1/1.jpg'),
]


@pytest.fixture
def root(make_images) -> Path:
    root = make_images(NAMES)
    (root / 't.csv').write_text('video,tracklet,person\nv1,t1,zoe\n')
    return root


@pytest.fixture
def pack(monkeypatch, capsys):
    def pack(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, 'argv', ['pack_lmdb.py', *map(str, arguments)])
        try:
            status = load_tool('dataset_converters/pack_lmdb.py').main()
        except SystemExit as stop:
            status = stop.code
        printed = capsys.readouterr()
        return status, (printed.out + printed.err).splitlines()[-1]

    return pack


def keys(out: Path) -> list[str]:
    with lmdb.open(str(out), readonly=True) as environment, environment.begin() as read:
        return [key.decode() for key in read.cursor().iternext(values=False)]


def test_packs_a_folder_and_goes_on_after_an_interruption(
    root, tmp_path, pack, monkeypatch
) -> None:
    out = tmp_path / 'lmdb' / 'crops'
    monkeypatch.setattr(lmdb_packing, 'COMMIT_IMAGES', 3)
    read: list[str] = []
    get = fileio.get

    def interrupted(path: str) -> bytes:
        read.append(path)
        if len(read) == 6:
            raise KeyboardInterrupt
        return get(path)

    monkeypatch.setattr(lmdb_packing.fileio, 'get', interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(root, '--out', out)
    monkeypatch.undo()
    assert not out.exists()
    assert len(keys(tmp_path / 'lmdb' / 'crops.unfinished')) == 3
    expected = f'{out}: 5 images written, 8 compared with their files'
    assert pack(root, '--out', out) == (0, expected)
    assert [path.name for path in out.parent.iterdir()] == ['crops']
    assert keys(out) == sorted(NAMES)
    assert TrackletFolder(str(out), folder='v', truth='t.csv').full_init() is None
    assert pack(root, '--out', out)[1].startswith(f'{out}: 0 images written, 8 comp')


def test_packs_what_a_config_reads_and_adds_to_it(
    root, tmp_path, pack, check_data, monkeypatch, capsys
) -> None:
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(root=root))
    out = tmp_path / 'x'
    assert pack(config, '--name', 'market1501', '--out', out)[0] == 0
    assert keys(out) == sorted(NAMES[:6])
    assert pack(config, '--name', 'tracklet_folder', '--out', out)[0] == 0
    assert keys(out) == sorted(NAMES)
    options = ('--decode', '-1', '--workers', '1', '--cfg-options')
    root_is_lmdb = [
        f"train_dataloader.dataset.{kind}.0.data_root='{out}'"
        for kind in ('multi_camera', 'single_camera')
    ]
    root_is_lmdb.append(f"test_dataloader.dataset.targets.0.data_root='{out}'")
    argv = ['check_data.py', str(config), *options, *root_is_lmdb]
    monkeypatch.setattr(sys, 'argv', argv)
    assert check_data.main() == 0, capsys.readouterr().out
    with lmdb.open(str(out)) as environment, environment.begin(write=True) as change:
        change.put(NAMES[0].encode(), b'x')
    assert check_data.main() == 1
    errors = capsys.readouterr().out
    assert f'the image lmdb://{out}/{NAMES[0]} cannot be decoded' in errors


def test_an_image_that_differs_from_its_file_is_an_error(root, tmp_path, pack) -> None:
    out = tmp_path / 'x'
    assert pack(root, '--out', out)[0] == 0
    assert len(Market1501(str(out))) == 4
    (root / NAMES[2]).write_bytes(b'changed')
    status, line = pack(root, '--out', out)
    assert status == 1
    assert f'1 images in {out}.unfinished are not what their files' in line
    assert NAMES[2] in line
    assert not out.exists()


def test_says_what_is_wrong(root, tmp_path, pack, make_images) -> None:
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(root=root))
    (tmp_path / 'empty').mkdir()
    long = '/'.join(['x' * 250] * 3)
    out = tmp_path / 'x'
    for arguments, status, message in (
        ((tmp_path / 'none',), 2, 'none: there is no'),
        ((tmp_path / 'empty',), 2, 'empty holds no image'),
        ((config,), 2, 'reads market1501, tracklet_folder: name one by --name'),
        ((config, '--name', 'viper'), 2, 'reads market1501, tracklet_folder: name'),
        ((root, '--out', tmp_path / 'empty'), 2, 'empty is there and is no folder of'),
        (
            (make_images([f'{long}/1.jpg']),),
            2,
            r'must lie in .* and have at most',
        ),
    ):
        found, line = pack('--out', out, *arguments)
        assert found == status
        assert re.search(message, line), line
