"""Code blocks of README and docs: what can run on a CPU runs.

Those of docs/components.md are run by test_components.py.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import FUNCTIONS, Registry, init_default_scope
from mmengine.runner import Runner, save_checkpoint
from mmpretrain.apis import ModelHub, list_models

from dynamix import registry
from dynamix.export import export_onnx
from dynamix.model_index import register_models

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'configs/README.md')
] + sorted((ROOT / 'docs').glob('*.md'))
DEMO = ROOT / 'configs' / 'dynamix_r18_synthetic.py'
REGISTRIES = [FUNCTIONS] + [
    value for value in vars(registry).values() if isinstance(value, Registry)
]
# Keys of MMEngine's config, not arguments of a type.
NOT_ARGUMENTS = {
    'type',
    '_scope_',
    'constructor',
    'paramwise_cfg',
    'init_cfg',
    'priority',
}


def python_blocks() -> list[Any]:
    """Code of all python blocks but those of components.md, with file:line as id."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r'^```python\n(.*?)^```', text, re.DOTALL | re.M):
            line = text.count('\n', 0, match.start()) + 1
            if page.name != 'components.md':
                found.append(pytest.param(match[1], id=f'{page.name}:{line}'))
    return found


BLOCKS = python_blocks()


def blocks_with(*words: str) -> list[Any]:
    return [b for b in BLOCKS if all(word in b.values[0] for word in words)]


def is_config(code: str) -> bool:
    """Whether a block only assigns, and assigns something a config has."""
    names = set()
    for node in ast.parse(code).body:
        if not isinstance(node, ast.Assign):
            return False
        names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return bool(names & {'_base_', 'model', 'train_dataloader', 'custom_hooks'})


def find_type(name: str) -> Any:
    found = [r.get(name) for r in REGISTRIES]
    return next((kind for kind in found if kind is not None), None)


def check_types(value: Any) -> None:
    """Every type is registered and takes the arguments it is given."""
    if isinstance(value, (list, tuple)):
        for item in value:
            check_types(item)
    if not isinstance(value, dict):
        return
    for item in value.values():
        check_types(item)
    if not isinstance(value.get('type'), str):
        return
    kind = find_type(value['type'])
    assert kind is not None, f'nothing is registered as {value["type"]}'
    accepted = inspect.signature(kind).parameters.values()
    if all(p.kind is not p.VAR_KEYWORD for p in accepted):
        unknown = {*value} - {p.name for p in accepted} - NOT_ARGUMENTS
        assert not unknown, f'{value["type"]} takes no {unknown}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_named_files_exist(page):
    named = re.findall(
        r'\b(?:configs|tools|benchmarks|docs|tests)/[\w./-]+\.(?:py|sh|md|yml)',
        page.read_text(),
    )
    own = ('configs/my_', 'configs/NAME', 'configs/CONFIG')  # the reader's
    missing = [n for n in named if not n.startswith(own) and not (ROOT / n).exists()]
    assert not missing


@pytest.mark.parametrize(
    'code', [block for block in BLOCKS if is_config(block.values[0])]
)
def test_config(code, tmp_path):
    """Loads on top of its base, or of the large recipe, with types that exist."""
    if '_base_ =' not in code and 'default_scope' not in code:
        code = f"_base_ = './dynamix_r50.py'\n{code}"
    code = code.replace("_base_ = './", f"_base_ = '{ROOT}/configs/")
    (tmp_path / 'config.py').write_text(code)
    cfg = Config.fromfile(tmp_path / 'config.py')
    init_default_scope('dynamix')
    for key, value in cfg.items():
        if key not in ('runner_type', 'env_cfg'):
            check_types(value)


@pytest.mark.parametrize('code', blocks_with('ReIDInferencer('))
def test_inference(code, tmp_path, monkeypatch):
    init_default_scope('dynamix')
    model = registry.MODELS.build(Config.fromfile(DEMO).model)
    save_checkpoint(dict(state_dict=model.state_dict()), str(tmp_path / 'demo.pth'))
    rng = np.random.default_rng(0)
    for name in re.findall(r"'([^']+\.jpg)'", code):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (64, 32, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    code = re.sub(r"'[^']*\.pth'", "'demo.pth'", code)
    names: dict = {}
    exec(re.sub(r"'configs/[^']*\.py'", repr(str(DEMO)), code), names)
    assert len(names['found'].rows) == 1


@pytest.mark.parametrize('code', blocks_with('onnxruntime'))
def test_onnx(code, tmp_path, monkeypatch):
    pytest.importorskip('onnxscript')
    init_default_scope('dynamix')
    model = registry.MODELS.build({**Config.fromfile(DEMO).model, 'head': None})
    monkeypatch.chdir(tmp_path)
    export_onnx(model.eval(), 'reid.onnx', (96, 48), 'demo', raw_input=True)
    for name in re.findall(r"'([^']+\.jpg)'", code):
        Path(name).parent.mkdir(exist_ok=True)
        cv2.imwrite(name, np.full((64, 32, 3), 99, np.uint8))
    names: dict = {}
    exec(code, names)
    assert names['embeddings'].shape == (2, 256)


@pytest.mark.parametrize('code', blocks_with('get_model('))
def test_model_hub(code, monkeypatch):
    monkeypatch.setattr(ModelHub, '_models_dict', {})
    # its own models take seconds to read
    monkeypatch.setattr(ModelHub, '_ModelHub__mmpretrain_registered', True)
    register_models()
    names: dict = {}
    exec(code, names)
    assert names['model'].eval()(torch.rand(1, 3, 96, 48)).shape == (1, 256)
    assert {'dynamix_r50', 'dynamix_vit-b'} <= {*list_models('dynamix*')}


@pytest.mark.parametrize('code', blocks_with('default_scope =', 'train_dataloader ='))
def test_example_config_trains(code, tmp_path, monkeypatch):
    monkeypatch.setenv('DYNAMIX_CACHE', str(tmp_path / 'cache'))
    (tmp_path / 'config.py').write_text(code)
    cfg = Config.fromfile(tmp_path / 'config.py')
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = 'test_docs'
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.train_dataloader.sampler.iterations = 2
    cfg.train_dataloader.dataset.single_camera[0].num_videos = 4
    cfg.val_dataloader.dataset.targets[0].num_identities = 4
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.num_workers = 0
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
