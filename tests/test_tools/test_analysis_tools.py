from __future__ import annotations

import csv
import json
import runpy
import shutil
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
    for words, said in (
        ((*model, '--queries', -1), '`--queries` must be .* at least 1'),
        ((tmp_path / 'none.py', model[1]), 'none.py'),
        ((model[0], tmp_path / 'none.pth'), 'none.pth'),
        ((*model, '--cfg-options', 'test_evaluator.rrank=1'), 'rrank'),
    ):
        with pytest.raises(SystemExit, match=said):
            run('plot_ranks.py', *words)


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


def test_flip_is_an_option_of_the_config(run, model, crops, tmp_path):
    out, mirrored = tmp_path / 'features.npz', tmp_path / 'mirrored'
    for file in crops.rglob('*.jpg'):
        image = cv2.imread(str(file))
        for folder, view in (('plain', image), ('mirrored', image[:, ::-1])):
            copy = tmp_path / folder / file.with_suffix('.png').name
            copy.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(copy), view)
    flip = ('--num-workers', 0, '--cfg-options', 'model.test_cfg.flip=True')
    found = []
    for folder in (tmp_path / 'plain', mirrored):
        run('extract_features.py', *model, folder, '--out', out, *flip)
        found.append(np.load(out)['features'])
    np.testing.assert_allclose(*found, atol=1e-6)


def test_cross_evaluate(run, model, crops, tmp_path, capsys):
    config, checkpoint = model
    out, moved = tmp_path / 'tables' / 'all', tmp_path / 'moved'
    targets = Config.fromfile(config)
    reader = targets.test_dataloader.dataset.targets[0]
    targets.test_dataloader.dataset.targets = [
        reader,
        dict(reader, name='second', data_root=str(moved)),
    ]
    targets.dump(tmp_path / 'targets.py')
    words = ['--model', *model, '--model', config, tmp_path / 'other.pth']
    words += ['--targets', tmp_path / 'targets.py', '--out', out]

    def cells() -> list[dict]:
        code = 0
        try:
            run('cross_evaluate.py', *words)
        except SystemExit as ended:
            code = ended.code
        found = json.loads(out.with_suffix('.json').read_text())['cells']
        assert code == any('error' in cell for cell in found)
        return found

    first = cells()
    assert [cell['target'] for cell in first] == 2 * ['market1501', 'second']
    assert ['error' in cell for cell in first] == [False, True, True, True]
    printed = capsys.readouterr().out
    assert f'failed: {checkpoint} on second: FileNotFoundError: ' in printed
    assert f'failed: {tmp_path}/other.pth on market1501: FileNotFoundError' in printed

    # what was finished is taken as it is written, the others are made up for
    first[0]['scores']['mAP'] = 12.5
    out.with_suffix('.json').write_text(json.dumps(dict(cells=first, earlier=[])))
    shutil.copytree(crops, moved)
    torch.manual_seed(1)
    weights = MODELS.build(Config.fromfile(config).model).state_dict()
    torch.save(dict(state_dict=weights), tmp_path / 'other.pth')
    whole = cells()
    assert whole[0] == first[0]
    assert len({cell['key'] for cell in whole}) == 4
    assert [*whole[1]['scores']] == ['Rank-1', 'Rank-5', 'Rank-10', 'mAP', 'mINP']
    with open(out.with_suffix('.csv'), newline='') as file:
        rows = [*csv.DictReader(file)]
    assert [(row['checkpoint'], row['target']) for row in rows] == [
        (cell['checkpoint'], cell['target']) for cell in whole
    ]
    assert float(rows[1]['mAP']) == whole[1]['scores']['mAP']
    table = out.with_suffix('.md').read_text()
    assert '| config | checkpoint | market1501 | second |' in table
    assert f'| {config} | {checkpoint} | 12.5 / ' in table

    # another checkpoint, labels of the target or metric: another cell
    shutil.copy(checkpoint, tmp_path / 'other.pth')
    query = moved / 'query' / '0003_c1s1_000001_00.jpg'
    content = query.read_bytes()
    query.unlink()
    changed = cells()
    assert [cell['scores'] for cell in changed[:2]] == [
        cell['scores'] for cell in changed[2:]
    ]
    assert changed[0] == whole[0]
    assert changed[1]['key'] != whole[1]['key']
    assert changed[1]['scores'] != whole[1]['scores']
    query.write_bytes(content)
    # earlier ones are kept
    assert cells()[1] == whole[1]
    words += ['--cfg-options', 'test_evaluator.camera_aware=False']
    assert cells()[0]['scores']['mAP'] != 12.5
    words += ['test_evaluator.prefix=any']
    scores = cells()[0]['scores']
    assert [*scores] == [f'any/{key}' for key in whole[1]['scores']]
    table = out.with_suffix('.md').read_text()
    assert table.startswith('any/mAP / any/Rank-1 in percent')
    assert f'| {scores["any/mAP"]:.1f} / ' in table

    out.with_suffix('.json').write_text('{}')
    with pytest.raises(SystemExit) as ended:
        run('cross_evaluate.py', *words)
    assert ended.value.code == 2
    assert 'all.json is no table of this tool' in capsys.readouterr().err
