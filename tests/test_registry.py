"""Every component can be built from somebody else's config."""

import subprocess
import sys

import pytest
from mmengine import registry as root
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings

COMPONENTS = dict(
    DATASETS=[
        dict(type='SyntheticPedestrians'),
        dict(type='Market1501', data_root='nowhere'),
        dict(type='TrackletFolder', data_root='nowhere'),
        dict(type='MixedDataset', multi_camera=[dict(type='SyntheticPedestrians')]),
    ],
    TRANSFORMS=[
        dict(type='LoadReIDImage'),
        dict(type='RandomColorJitter', hue=0.1),
        dict(type='RandomGaussianBlur'),
        dict(type='PackReIDInputs'),
    ],
    MODELS=[
        dict(type='BNNeck', in_channels=8),
        dict(type='CentroidMemoryHead', in_channels=8),
        dict(type='InstanceLoss'),
        dict(type='AugmentationLoss'),
        dict(type='CentroidLoss'),
        dict(type='CameraCentroidLoss'),
        dict(
            type='DynaMix',
            backbone=dict(type='mmpretrain.ResNet', depth=18, base_channels=8),
            neck=dict(
                type='BNNeck',
                in_channels=64,
                pooling=dict(type='mmpretrain.GeneralizedMeanPooling'),
            ),
        ),
    ],
    HOOKS=[
        dict(type='RelabelHook'),
        dict(type='IdentityTableHook'),
        dict(type='EpochSeedHook'),
        dict(type='LossGuardHook'),
        dict(type='CheckpointCheckHook'),
        dict(type='InitialEvaluationHook'),
        dict(type='ResumedEvaluationHook'),
    ],
    METRICS=[dict(type='ReIDMetric')],
)


def with_scope(cfg):
    """The config as it is written under another default scope."""
    if isinstance(cfg, list):
        return [with_scope(item) for item in cfg]
    if not isinstance(cfg, dict):
        return cfg
    new = {key: with_scope(value) for key, value in cfg.items()}
    if '.' not in new.get('type', '.'):
        new['type'] = f'dynamix.{new["type"]}'
    return new


@pytest.mark.parametrize('scope', ['dynamix', 'mmpretrain'])
@pytest.mark.parametrize(
    ('name', 'cfg'),
    [(name, cfg) for name, cfgs in COMPONENTS.items() for cfg in cfgs],
    ids=lambda value: value['type'] if isinstance(value, dict) else value,
)
def test_builds_under_each_default_scope(scope, name, cfg):
    import_modules_from_strings(['dynamix'])
    cfg = cfg if scope == 'dynamix' else with_scope(cfg)
    with DefaultScope.overwrite_default_scope(scope):
        built = getattr(root, name).build(cfg)
    assert type(built).__name__ == cfg['type'].split('.')[-1]


def test_missing_openmmlab_is_named():
    code = (
        'import sys, importlib.util as u; find = u.find_spec\n'
        "u.find_spec = lambda name: None if name == 'mmcv' else find(name)\n"
        'import dynamix'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode != 0
    assert 'dynamix needs mmcv' in done.stderr
