from __future__ import annotations

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from dynamix.registry import MODELS

from .conftest import run

CURVES = 'analysis_tools/plot_curves.py'
RANKS = 'analysis_tools/plot_ranks.py'
EXTRACT = 'analysis_tools/extract_features.py'
CROSS = 'analysis_tools/cross_evaluate.py'


def test_plot_curves(tmp_path, capsys, refusal):
    for name in ('a', 'b'):
        log = tmp_path / name / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text(
            ''.join(json.dumps(dict(step=s, loss=1 / (1 + s))) + '\n' for s in range(4))
        )
    out = tmp_path / 'loss.png'
    run(CURVES, tmp_path / 'a', tmp_path / 'b', '--keys', 'lo*', '--out', out)
    assert cv2.imread(str(out)) is not None
    assert 'wrote 2 curves' in capsys.readouterr().out
    words = (tmp_path / 'a', '--keys', 'loss')
    assert '--out loss: expected .' in refusal(CURVES, *words, '--out', 'loss')
    assert 'neither a log nor' in refusal(CURVES, tmp_path / 'c', '--keys', 'loss')


def test_plot_ranks(trained, tmp_path, capsys, refusal):
    out = tmp_path / 'ranks.png'
    run(RANKS, *trained, '--order', 'worst', '--queries', 2, '--out', out)
    assert cv2.imread(str(out)).shape[0] == 2 * 188
    assert 'rank lists of 2 queries of market1501' in capsys.readouterr().out
    cosine = cv2.imread(str(out))
    options = (
        '--cfg-options',
        'test_evaluator.rerank.k1=2',
        'test_evaluator.rerank.k2=1',
    )
    order = ('--order', 'worst', '--queries', 2)
    run(RANKS, *trained, *order, '--out', out, *options)
    assert (cv2.imread(str(out)) != cosine).any(), 'the config says how to rank'
    for words, said in (
        ((*trained, '--target', 'msmt17'), "no target 'msmt17' but market1501"),
        ((*trained, '--out', 'ranks'), '--out ranks: expected an image'),
        ((*trained, '--queries', -1), '`--queries` must be a whole number of at least'),
        ((tmp_path / 'none.py', trained[1]), 'none.py'),
        ((trained[0], tmp_path / 'none.pth'), 'none.pth'),
        ((*trained, '--cfg-options', 'test_evaluator.rrank=1'), 'rrank'),
    ):
        assert said in refusal(RANKS, *words)


def test_extract_features(trained, people, tmp_path, refusal):
    out = tmp_path / 'new' / 'features.npz'
    run(EXTRACT, *trained, people, '--out', out)
    found = np.load(out)
    assert found['features'].shape == (6, 16)
    assert found['paths'][0] == 'bounding_box_test/0001_c2s1_000001_00.png'
    assert 'there is no folder' in refusal(EXTRACT, *trained, tmp_path / 'nothing')
    said = refusal(EXTRACT, *trained, people, '--out', tmp_path / 'features')
    assert 'features: expected a file that ends in .npz' in said
    wide = 'test_dataloader.dataset.pipeline.1.scale=(16,16)'
    options = ('--num-workers', 0, '--cfg-options', wide)
    run(EXTRACT, *trained, people, '--out', out, *options)
    assert (np.load(out)['features'] != found['features']).any(), 'the options count'


def test_an_unreadable_image_loses_no_others(
    trained, people, tmp_path, capsys, refusal
):
    out, workers = tmp_path / 'features.npz', ('--num-workers', 0)
    run(EXTRACT, *trained, people, '--out', tmp_path / 'whole.npz', *workers)
    whole = np.load(tmp_path / 'whole.npz')
    bad = 'query/0001_c1s1_000001_00.png'
    (people / bad).write_bytes(b'no image')
    run(EXTRACT, *trained, people, '--out', out, *workers)
    found = np.load(out)
    kept = whole['paths'] != bad
    assert found['paths'].tolist() == whole['paths'][kept].tolist()
    np.testing.assert_allclose(found['features'], whole['features'][kept], atol=1e-6)
    printed = capsys.readouterr().out
    assert f'left out 1 images, which cannot be read:\n{bad}' in printed
    for file in (people / 'query').iterdir():
        file.write_bytes(b'no image')
    said = refusal(EXTRACT, *trained, people / 'query', '--out', out, *workers)
    assert 'none of the 3 images' in said


def test_flip_is_an_option_of_the_config(trained, people, tmp_path):
    out, mirrored = tmp_path / 'features.npz', tmp_path / 'mirrored'
    for file in people.rglob('*.png'):
        image = cv2.imread(str(file))
        for folder, view in (('plain', image), ('mirrored', image[:, ::-1])):
            copy = tmp_path / folder / file.with_suffix('.png').name
            copy.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(copy), view)
    flip = ('--num-workers', 0, '--cfg-options', 'model.test_cfg.flip=True')
    found = []
    for folder in (tmp_path / 'plain', mirrored):
        run(EXTRACT, *trained, folder, '--out', out, *flip)
        found.append(np.load(out)['features'])
    np.testing.assert_allclose(*found, atol=1e-6)


def test_cross_evaluate(trained, people, tmp_path, capsys):
    config, checkpoint = trained
    out, moved = tmp_path / 'tables' / 'all', tmp_path / 'moved'
    targets = Config.fromfile(config)
    reader = targets.test_dataloader.dataset.targets[0]
    targets.test_dataloader.dataset.targets = [
        reader,
        dict(reader, name='second', data_root=str(moved)),
    ]
    targets.dump(tmp_path / 'targets.py')
    words = ['--model', *trained, '--model', config, tmp_path / 'other.pth']
    words += ['--targets', tmp_path / 'targets.py', '--out', out]

    def cells() -> list[dict]:
        code = 0
        try:
            run(CROSS, *words)
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
    shutil.copytree(people, moved)
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
    query = moved / 'query' / '0003_c1s1_000001_00.png'
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
        run(CROSS, *words)
    assert ended.value.code == 2
    assert 'all.json is no table of this tool' in capsys.readouterr().err
