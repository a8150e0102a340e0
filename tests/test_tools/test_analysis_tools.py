from __future__ import annotations

import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from dynamix.registry import MODELS

TOOLS = Path(__file__).parents[2] / 'tools' / 'analysis_tools'


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv('DYNAMIX_CACHE', str(tmp_path / 'cache'))

    def run(tool: str, *arguments: object) -> None:
        monkeypatch.setattr('sys.argv', [tool, *map(str, arguments)])
        runpy.run_path(str(TOOLS / tool), run_name='__main__')

    return run


@pytest.fixture
def crops(tmp_path):
    """A target of three people, each seen by two cameras."""
    rng = np.random.default_rng(0)
    root = tmp_path / 'market'
    for folder, camera in (('query', 1), ('bounding_box_test', 2)):
        (root / folder).mkdir(parents=True)
        for person in (1, 2, 3):
            image = rng.integers(0, 256, (64, 32, 3), np.uint8)
            name = f'{person:04d}_c{camera}s1_000001_00.jpg'
            cv2.imwrite(str(root / folder / name), image)
    return root


@pytest.fixture
def model(tmp_path, crops):
    """A config and a checkpoint of it."""
    # of some random weights, no channel is ever active
    torch.manual_seed(0)
    config = Config(
        dict(
            default_scope='dynamix',
            model=dict(
                type='DynaMix',
                backbone=dict(
                    type='mmpretrain.ResNet',
                    depth=18,
                    stem_channels=8,
                    base_channels=2,
                ),
                neck=dict(
                    type='BNNeck',
                    in_channels=16,
                    pooling=dict(type='mmpretrain.GeneralizedMeanPooling', p=3.0),
                ),
            ),
            test_dataloader=dict(
                dataset=dict(
                    type='TargetDataset',
                    targets=[
                        dict(type='Market1501', data_root=str(crops), split='test')
                    ],
                    pipeline=[
                        dict(type='LoadReIDImage'),
                        dict(type='Resize', scale=(32, 64)),
                        dict(type='PackReIDInputs'),
                    ],
                )
            ),
            test_evaluator=dict(type='ReIDMetric'),
        )
    )
    config.dump(tmp_path / 'config.py')
    weights = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict=weights), tmp_path / 'last.pth')
    return tmp_path / 'config.py', tmp_path / 'last.pth'


def test_plot_curves(run, tmp_path, capsys):
    for name in ('a', 'b'):
        log = tmp_path / name / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text(
            ''.join(json.dumps(dict(step=s, loss=1 / (1 + s))) + '\n' for s in range(4))
        )
    out = tmp_path / 'loss.png'
    run('plot_curves.py', tmp_path / 'a', tmp_path / 'b', '--keys', 'lo*', '--out', out)
    assert cv2.imread(str(out)) is not None
    assert 'wrote 2 curves' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run('plot_curves.py', tmp_path / 'a', '--keys', 'loss', '--out', 'loss')
    assert '--out loss: expected .' in capsys.readouterr().err


def test_plot_ranks(run, model, tmp_path, capsys):
    out = tmp_path / 'ranks.png'
    run('plot_ranks.py', *model, '--order', 'worst', '--queries', 2, '--out', out)
    assert cv2.imread(str(out)).shape[0] == 2 * 188
    assert 'rank lists of 2 queries of market1501' in capsys.readouterr().out
    cosine = cv2.imread(str(out))
    options = (
        '--cfg-options',
        'test_evaluator.rerank.k1=2',
        'test_evaluator.rerank.k2=1',
    )
    order = ('--order', 'worst', '--queries', 2)
    run('plot_ranks.py', *model, *order, '--out', out, *options)
    assert (cv2.imread(str(out)) != cosine).any(), 'the config says how to rank'
    with pytest.raises(SystemExit, match="no target 'msmt17' but market1501"):
        run('plot_ranks.py', *model, '--target', 'msmt17')
    capsys.readouterr()
    with pytest.raises(SystemExit):
        run('plot_ranks.py', *model, '--out', 'ranks')
    assert '--out ranks: expected an image' in capsys.readouterr().err


def test_extract_features(run, model, crops, tmp_path, capsys):
    out = tmp_path / 'new' / 'features.npz'
    run('extract_features.py', *model, crops, '--out', out)
    found = np.load(out)
    assert found['features'].shape == (6, 16)
    assert found['paths'][0] == 'bounding_box_test/0001_c2s1_000001_00.jpg'
    with pytest.raises(SystemExit, match='no folder'):
        run('extract_features.py', *model, tmp_path / 'nothing')
    with pytest.raises(SystemExit):
        run('extract_features.py', *model, crops, '--out', tmp_path / 'features')
    assert 'features: expected a file that ends in .npz' in capsys.readouterr().err
    wide = 'test_dataloader.dataset.pipeline.1.scale=(16,16)'
    options = ('--num-workers', 0, '--cfg-options', wide)
    run('extract_features.py', *model, crops, '--out', out, *options)
    assert (np.load(out)['features'] != found['features']).any(), 'the options count'


def test_an_unreadable_image_loses_no_others(run, model, crops, tmp_path, capsys):
    out, workers = tmp_path / 'features.npz', ('--num-workers', 0)
    run('extract_features.py', *model, crops, '--out', tmp_path / 'whole.npz', *workers)
    whole = np.load(tmp_path / 'whole.npz')
    bad = 'query/0001_c1s1_000001_00.jpg'
    (crops / bad).write_bytes(b'no image')
    run('extract_features.py', *model, crops, '--out', out, *workers)
    found = np.load(out)
    kept = whole['paths'] != bad
    assert found['paths'].tolist() == whole['paths'][kept].tolist()
    np.testing.assert_allclose(found['features'], whole['features'][kept], atol=1e-6)
    printed = capsys.readouterr().out
    assert f'left out 1 images, which cannot be read:\n{bad}' in printed
    for file in (crops / 'query').iterdir():
        file.write_bytes(b'no image')
    with pytest.raises(SystemExit, match='none of the 3 images'):
        run('extract_features.py', *model, crops / 'query', '--out', out, *workers)
