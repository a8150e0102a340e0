"""tools/analysis_tools/check_data.py"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CONFIG = """
train_dataloader = dict(
    dataset=dict(
        type='MixedDataset',
        multi_camera=[dict(type='LabelledFolder', data_root='{root}')],
        single_camera=[
            dict(type='TrackletFolder', data_root='{root}', folder='tracks')],
    ),
    sampler=dict(
        type='MixedDataSampler',
        multi_camera=dict(identities=2, images=2),
        single_camera=dict(videos=2, identities=1, images=2),
    ))
test_dataloader = dict(
    dataset=dict(
        type='TargetDataset',
        targets=[dict(data_root='{root}', **{target})]))
test_evaluator = dict(type='ReIDMetric')
val_dataloader = dict(test_dataloader, batch_size=7)
val_evaluator = [dict(type='ReIDMetric', topk=(1,))]
"""
VIPER = dict(type='VIPeR', num_splits=3)


@pytest.fixture
def root(make_images) -> Path:
    return make_images(
        ['train/a/c1_1.jpg', 'train/a/c2_1.jpg', 'train/b/c1_1.jpg']
        + ['tracks/v1/t1/1.jpg', 'tracks/v1/t1/2.jpg', 'tracks/v2/t1/1.jpg']
        + [f'cam_a/{i}_0.bmp' for i in range(4)]
        + [f'cam_b/{i}_90.bmp' for i in range(4)]
    )


def run(
    check_data, root: Path, monkeypatch, capsys, *options: str, target: dict = VIPER
) -> tuple[int, list]:
    config = root / 'config.py'
    config.write_text(CONFIG.format(root=root, target=target))
    monkeypatch.setattr(sys, 'argv', ['check_data.py', str(config), *options])
    status = check_data.main()
    lines = capsys.readouterr().out.splitlines()
    return status, [line.split() for line in lines]


def test_prints_what_is_there(check_data, root, monkeypatch, capsys) -> None:
    status, lines = run(check_data, root, monkeypatch, capsys, '--decode', '-1')
    assert status == 0
    found = [' '.join(line) for line in lines]
    assert 'labelled_folder multi_camera 3 2 2 - 1, 1.5, 2 1 c<n>_' in found
    assert 'tracklet_folder single_camera 3 2 2 2 1, 1.5, 2 1 each video' in found
    assert found.count('viper 8 4 2 3 2 2 0 the reader') == 1, (
        'val and test are the same'
    )


@pytest.mark.parametrize(
    ('names', 'cameras', 'source'),
    [
        (['a/c1_1.jpg', 'a/c2/1.jpg', 'b/c2_2.jpg'], 2, 'c<n>_, c<n>/'),
        (['Cam1/a/1.jpg', 'Cam2/a/1.jpg'], 2, 'Cam<n>/'),
        (['a/0002_c1s1_000451_03.jpg'] * 2, 1, '_c<n>s'),
        (['a/1.jpg', 'a/2.jpg'], 1, 'nothing: all images count as of one camera'),
    ],
)
def test_says_what_cameras_were_read_from(
    check_data, make_images, names, cameras, source
) -> None:
    root = make_images(f'train/{name}' for name in names)
    dataset = check_data.DATASETS.build(
        dict(type='dynamix.LabelledFolder', data_root=str(root))
    )
    dataset.full_init()
    row = check_data.training_row(dataset)
    assert (row['cameras'], row['cameras read from']) == (str(cameras), source)


def test_names_every_error_and_fails(check_data, root, monkeypatch, capsys) -> None:
    (root / 'train/b/c1_1.jpg').write_bytes(b'x')
    missing = 'train_dataloader.dataset.single_camera.0.folder=nothing'
    options = ('--decode', '9', '--workers', '1', '--cfg-options', missing)
    status, lines = run(check_data, root, monkeypatch, capsys, *options)
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
        (
            'train_dataloader.sampler.multi_camera.identities=3',
            'a batch takes 3 different identities',
        ),
        (
            'train_dataloader.sampler.single_camera.videos=3',
            'a batch takes 3 videos x 1 identities',
        ),
        ('train_dataloader.sampler.single_camera=None', '3 single_camera images'),
        ("val_dataloader.dataset.targets.0.data_root='none'", 'none/cam_a is missing'),
        ('val_evaluator.0.rerank=True', 'rerank` takes the keys k1, k2, lambda_value,'),
    ],
)
def test_what_training_would_refuse_is_an_error(
    check_data, root, monkeypatch, capsys, options, text
) -> None:
    for folder in ('query/c', 'gallery/c'):
        (root / folder).mkdir(parents=True, exist_ok=True)
        source = (root / 'train/a/c1_1.jpg').read_bytes()
        (root / folder / f'c{len(folder)}_1.jpg').write_bytes(source)
    status, lines = run(
        check_data, root, monkeypatch, capsys, '--cfg-options', *options.split()
    )
    errors = [' '.join(line) for line in lines if line[:1] == ['error:']]
    assert status == 1
    assert any(text in error for error in errors), errors


@pytest.mark.parametrize(
    ('unaware', 'expected'),
    [([], 1), (['val_evaluator.0'], 1), (['val_evaluator.0', 'test_evaluator'], 0)],
)
def test_targets_need_other_cameras_where_a_metric_says_so(
    check_data, root, monkeypatch, capsys, unaware, expected
) -> None:
    for folder in ('query/c', 'gallery/c'):
        (root / folder).mkdir(parents=True)
        (root / folder / '1.jpg').write_bytes((root / 'train/a/c1_1.jpg').read_bytes())
    options = [f'{metric}.camera_aware=False' for metric in unaware]
    if options:
        options.insert(0, '--cfg-options')
    target = dict(type='LabelledFolder', split='test')
    status, lines = run(check_data, root, monkeypatch, capsys, *options, target=target)
    errors = [' '.join(line) for line in lines if line[:1] == ['error:']]
    assert status == expected
    assert len(errors) == expected, 'the same for val and test: said once'
    for error in errors:
        assert "'labelled_folder', split 0: none of its 1 queries" in error
        assert 'camera_aware=False of ReIDMetric' in error


@pytest.mark.parametrize('missing', ['train', 'val', 'test'])
def test_a_loader_may_be_left_out(
    check_data, root, monkeypatch, capsys, missing
) -> None:
    option = f'{missing}_dataloader=None'
    status, lines = run(check_data, root, monkeypatch, capsys, '--cfg-options', option)
    assert status == 0
    first = [line[0] for line in lines if line]
    assert ('labelled_folder' in first) == (missing != 'train')
    assert 'viper' in first


def test_a_config_without_data_is_an_error(
    check_data, root, monkeypatch, capsys
) -> None:
    options = [f'{mode}_dataloader=None' for mode in ('train', 'val', 'test')]
    words = ('--cfg-options', *options)
    status, lines = run(check_data, root, monkeypatch, capsys, *words)
    assert status == 1
    assert 'has no data to check' in ' '.join(lines[0])


def test_warns_once_of_data_that_are_not_as_published(
    check_data, root, monkeypatch, capsys, logged
) -> None:
    people = [f'bounding_box_train/000{p}_c{c}s1_1.jpg' for p in (1, 2) for c in (1, 2)]
    for name in people:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes((root / 'train/a/c1_1.jpg').read_bytes())
    option = "train_dataloader.dataset.multi_camera.0.type='Market1501'"
    for name, warnings in (("'mine'", 0), ('None', 1), ('None', 0)):
        logged.clear()
        named = f'train_dataloader.dataset.multi_camera.0.name={name}'
        options = ('--cfg-options', option, named)
        status, _ = run(check_data, root, monkeypatch, capsys, *options)
        found = [line for line in logged if 'images instead of 12936' in line]
        assert (status, len(found)) == (0, warnings), logged
