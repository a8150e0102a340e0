from __future__ import annotations

import importlib.util
import runpy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dynamix.registry import MODELS

TOOLS = Path(__file__).parents[2] / 'tools'


def load_tool(name: str) -> ModuleType:
    """A file of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(f'tool_{name}', TOOLS / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(tool: str, *words: object) -> None:
    """Runs a file of tools/ as the command line does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('sys.argv', [tool, *map(str, words)])
        patch.setenv('LOCAL_RANK', '0')
        runpy.run_path(str(TOOLS / tool), run_name='__main__')


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Runs a tool that must end with status 2; returns what it then said, in a line."""

    def refusal(tool: str, *words: object) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(tool, *words)
        assert ended.value.code == 2
        return ' '.join(capsys.readouterr().err.split())

    return refusal


@pytest.fixture
def check_data() -> ModuleType:
    return load_tool('analysis_tools/check_data.py')


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A target of ``Market1501``: three people, each seen by two cameras."""
    rng = np.random.default_rng(0)
    root = tmp_path / 'market'
    for folder, camera in (('query', 1), ('bounding_box_test', 2)):
        (root / folder).mkdir(parents=True)
        for person in (1, 2, 3):
            image = rng.integers(0, 256, (8, 4, 3), np.uint8)
            name = f'{person:04d}_c{camera}s1_000001_00.png'
            cv2.imwrite(str(root / folder / name), cv2.resize(image, (40, 80)))
    return root


@pytest.fixture
def trained(tmp_path: Path, people: Path) -> tuple[Path, Path]:
    """A small config tested on these people, and a checkpoint as training writes it."""
    config, checkpoint = tmp_path / 'small.py', tmp_path / 'epoch_7.pth'
    pooling = dict(type='mmpretrain.GeneralizedMeanPooling')
    Config(
        dict(
            default_scope='dynamix',
            model=dict(
                type='DynaMix',
                data_preprocessor=dict(
                    mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True
                ),
                backbone=dict(
                    type='mmpretrain.ResNet',
                    depth=18,
                    stem_channels=8,
                    base_channels=16,
                    num_stages=1,
                    strides=(1,),
                    dilations=(1,),
                    out_indices=(0,),
                ),
                neck=dict(type='BNNeck', in_channels=16, pooling=pooling),
            ),
            test_dataloader=dict(
                dataset=dict(
                    type='TargetDataset',
                    targets=[
                        dict(type='Market1501', data_root=str(people), split='test')
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
    ).dump(config)
    init_default_scope('dynamix')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    for weight in model.encoder.parameters():
        weight.data += 1  # sets the two encoders apart
    state = {**model.state_dict(), 'head.memory.centroids': torch.ones(3, 16)}
    meta = dict(epoch=7, iter=70, cfg='secret = 1')
    torch.save(dict(state_dict=state, optimizer=dict(state={}), meta=meta), checkpoint)
    return config, checkpoint
