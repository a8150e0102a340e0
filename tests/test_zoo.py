"""The model zoo: metafile, README, MIM's files and MMPretrain's model hub."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

from tests.test_tools.conftest import load_tool

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())
METAFILE = yaml.safe_load((CONFIGS / 'metafile.yml').read_text())
MODELS = METAFILE['Models']


def test_the_index_imports_every_metafile():
    assert {ROOT / name for name in INDEX['Import']} == {*ROOT.rglob('metafile.yml')}


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_model(model):
    config = ROOT / model['Config']
    assert config.is_file()
    assert model['Name'] == model['Name'].lower() == config.stem
    assert model['In Collection'] == METAFILE['Collections'][0]['Name']
    for result in model.get('Results', []):
        assert {'Task', 'Dataset', 'Metrics'} <= {*result}
    cfg = Config.fromfile(config)
    metadata = model['Metadata']
    assert metadata['Epochs'] == cfg.train_cfg.max_epochs
    assert metadata['Batch Size'] == cfg.auto_scale_lr.base_batch_size
    flops, parameters, _ = load_tool('analysis_tools/get_flops.py').count(cfg)
    assert (metadata['FLOPs'], metadata['Parameters']) == (flops, parameters)


def test_every_config_is_listed_once_in_metafile_and_readme():
    listed = sorted(model['Name'] for model in MODELS)
    assert listed == sorted(file.stem for file in CONFIGS.glob('*.py'))
    readme = (CONFIGS / 'README.md').read_text()
    rows = re.findall(r'^\| \[(.+?)\]\((.+?)\.py\)(.*) \|$', readme, re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == listed
    for name, link, row in rows:
        [model] = [model for model in MODELS if model['Name'] == name]
        metadata = model['Metadata']
        scores = [r['Metrics']['mAP'] for r in model.get('Results', [])] or ['not run']
        figures = (
            f'{metadata["Parameters"] / 1e6:.2f}',
            f'{metadata["FLOPs"] / 1e9:.2f}',
            *map(str, scores),
        )
        assert link == name
        assert tuple(row.split(' | ')[-len(figures) :]) == figures


def test_base_names_occur_once():
    """MIM finds a config by its base name."""
    names = Counter(file.name for file in CONFIGS.rglob('*.py'))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_wheel_carries_what_mim_reads(tmp_path):
    pytest.importorskip('setuptools')
    command = ['egg_info', '--egg-base', tmp_path, 'build_py', '--build-lib', tmp_path]
    subprocess.run([sys.executable, 'setup.py', '-q', *command], cwd=ROOT, check=True)
    mim = tmp_path / 'dynamix' / '.mim'
    for name in ('configs', 'tools'):
        expected = {*(ROOT / name).rglob('*.py'), *(ROOT / name).rglob('*.sh')}
        carried = {*(mim / name).rglob('*.py'), *(mim / name).rglob('*.sh')}
        assert {f.relative_to(mim) for f in carried} == {
            f.relative_to(ROOT) for f in expected
        }
    for name in ('model-index.yml', 'dataset-index.yml', 'configs/metafile.yml'):
        assert (mim / name).is_file()
    assert not (ROOT / 'dynamix' / '.mim').exists()


def test_models_enter_the_hub_of_mmpretrain_when_it_is_imported():
    code = (
        'import sys, dynamix\n'
        'assert "mmpretrain" not in sys.modules\n'
        'from mmpretrain.apis import ModelHub\n'
        'assert ModelHub.has("dynamix_r50")\n'
    )
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)
