"""The scales of the ablation train the models of the recipes."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.mark.parametrize(('scale', 'recipe'), [('gpu', 'r50'), ('gpu-vit', 'vit-b')])
def test_a_scale_begins_with_the_weights_of_its_recipe(scale, recipe):
    ours = Config.fromfile(CONFIGS / 'ablation' / '_base_' / f'scale_{scale}.py').model
    theirs = Config.fromfile(CONFIGS / '_base_' / 'models' / f'{recipe}.py').model
    assert ours.backbone.init_cfg.type == 'Pretrained'
    for key in ('backbone', 'data_preprocessor', 'neck', 'channels_last'):
        assert ours[key] == theirs[key], key
    assert ours.head.in_channels == theirs.head.in_channels
    assert ours.momentum_encoder.momentum == 0.005
    assert ours.head.losses.instance.negatives == 'same_scene'
