"""Components are built from somebody else's config."""

import subprocess
import sys

import pytest
from mmengine import registry as root
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings

COMPONENTS = [
    (
        'DATASETS',
        dict(
            type='MixedDataset',
            multi_camera=[dict(type='dynamix.SyntheticPedestrians')],
        ),
    ),
    ('TRANSFORMS', dict(type='LoadReIDImage')),
    (
        'MODELS',
        dict(
            type='DynaMix',
            backbone=dict(type='ResNet', depth=18, base_channels=8),
            neck=dict(
                type='dynamix.BNNeck',
                in_channels=64,
                pooling=dict(type='GeneralizedMeanPooling'),
            ),
        ),
    ),
    ('HOOKS', dict(type='RelabelHook')),
    ('METRICS', dict(type='ReIDMetric')),
]


@pytest.mark.parametrize(('name', 'cfg'), COMPONENTS)
def test_builds_under_the_scope_of_mmpretrain(name, cfg):
    import_modules_from_strings(['dynamix'])
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        built = getattr(root, name).build({**cfg, 'type': f'dynamix.{cfg["type"]}'})
    assert type(built).__name__ == cfg['type']


def test_missing_openmmlab_is_named():
    code = (
        'import sys, importlib.util as u; find = u.find_spec\n'
        "u.find_spec = lambda name: None if name == 'mmcv' else find(name)\n"
        'import dynamix'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode != 0
    assert 'dynamix needs mmcv' in done.stderr
