"""tools/analysis_tools/check_data.py"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'check_data.py'
CONFIG = """
train_dataloader = dict(
    dataset=dict(
        type='MixedDataset',
        multi_camera=[dict(type='LabelledFolder', data_root='{root}')],
        single_camera=[
            dict(type='TrackletFolder', data_root='{root}', folder='tracks')],
    ))
test_dataloader = dict(
    dataset=dict(
        type='TargetDataset',
        targets=[dict(type='VIPeR', data_root='{root}', num_splits=3)]))
"""


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location('check_data', TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(make_images) -> Path:
    return make_images(
        ['train/a/c1_1.jpg', 'train/a/c2_1.jpg', 'train/b/c1_1.jpg']
        + ['tracks/v1/t1/1.jpg', 'tracks/v1/t1/2.jpg', 'tracks/v2/t1/1.jpg']
        + [f'cam_a/{i}_0.bmp' for i in range(4)]
        + [f'cam_b/{i}_90.bmp' for i in range(4)]
    )


def run(tool, root: Path, monkeypatch, capsys, *options: str) -> tuple[int, list]:
    config = root / 'config.py'
    config.write_text(CONFIG.format(root=root))
    monkeypatch.setattr(sys, 'argv', ['check_data.py', str(config), *options])
    status = tool.main()
    lines = capsys.readouterr().out.splitlines()
    return status, [line.split() for line in lines]


def test_prints_what_is_there(tool, root, monkeypatch, capsys) -> None:
    status, lines = run(tool, root, monkeypatch, capsys, '--decode', '-1')
    assert status == 0
    found = [' '.join(line) for line in lines]
    assert 'labelled_folder multi_camera 3 2 2 - 1, 1.5, 2 1' in found
    assert 'tracklet_folder single_camera 3 2 2 2 1, 1.5, 2 1' in found
    assert 'viper 8 4 2 3 2 2 0' in found


def test_names_every_error_and_fails(tool, root, monkeypatch, capsys) -> None:
    (root / 'train/b/c1_1.jpg').write_bytes(b'x')
    status, lines = run(
        tool,
        root,
        monkeypatch,
        capsys,
        '--decode',
        '9',
        '--cfg-options',
        'train_dataloader.dataset.single_camera.0.folder=nothing',
    )
    assert status == 1
    errors = [' '.join(line) for line in lines if line[:1] == ['error:']]
    assert len(errors) == 2
    assert 'train/b/c1_1.jpg cannot be decoded' in errors[0]
    assert 'data/nothing is missing' in errors[1]
    assert lines[-1] == ['2', 'errors.']


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        ("test_dataloader.dataset.targets.0.split='all'", 'is a training set'),
        ("train_dataloader.dataset.multi_camera.0.split='test'", 'an evaluation set'),
        (
            "train_dataloader.dataset.multi_camera.0.type='TrackletFolder' "
            "train_dataloader.dataset.multi_camera.0.folder='tracks'",
            'is single_camera data, but the config lists it under `multi_camera`',
        ),
        ("test_dataloader.dataset.targets.0.type='Viper'", 'Viper is not in the'),
        ('test_dataloader.dataset.targets.0.splits=3', "argument 'splits'"),
        ("train_dataloader.dataset.labels='truths'", 'labels must be one of'),
    ],
)
def test_what_training_would_refuse_is_an_error(
    tool, root, monkeypatch, capsys, options, text
) -> None:
    for folder in ('query/c', 'gallery/c'):
        (root / folder).mkdir(parents=True, exist_ok=True)
        source = (root / 'train/a/c1_1.jpg').read_bytes()
        (root / folder / f'c{len(folder)}_1.jpg').write_bytes(source)
    status, lines = run(
        tool, root, monkeypatch, capsys, '--cfg-options', *options.split()
    )
    errors = [' '.join(line) for line in lines if line[:1] == ['error:']]
    assert status == 1
    assert any(text in error for error in errors), errors
