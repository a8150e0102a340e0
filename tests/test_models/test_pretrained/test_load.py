from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from dynamix.models import ReIDEncoder
from dynamix.registry import MODELS

from .loading import POOLING, load
from .vit import DIM, VIT, draw_vit

CONFIGS = Path(__file__).parents[3] / 'configs'
RECIPES = ('r50-ibn', 'vit-s-ics', 'osnet-ain-x1-0')


@pytest.mark.parametrize('name', RECIPES)
def test_a_recipe_starts_from_its_own_checkpoint(name: str, tmp_path: Path) -> None:
    config = Config.fromfile(CONFIGS / f'dynamix_{name}.py').model.backbone
    config.pop('init_cfg')
    model = MODELS.build(config)
    weights = model.state_dict()
    state = {f'encoder.backbone.{k}': v for k, v in weights.items()}
    state |= {
        f'momentum_encoder.module.backbone.{k}': v + 1 for k, v in weights.items()
    }
    backbone = load(config, dict(state_dict=state), tmp_path).backbone
    for key, value in backbone.state_dict().items():
        torch.testing.assert_close(value, weights[key] + 1)


@pytest.mark.parametrize(
    ('checkpoint', 'says'),
    [
        ({'fc.weight': torch.zeros(1)}, 'but found fc.weight'),
        ({}, 'but found no tensors'),
        (
            {f'{k}.layer1.0.conv1.weight': torch.zeros(1) for k in 'ab'},
            "found 2, under 'a.', 'b.'",
        ),
    ],
)
def test_a_file_without_a_known_backbone(
    checkpoint: dict, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r'weights\.pth: .*') as error:
        load(VIT, checkpoint, tmp_path)
    assert says in str(error.value)


def test_a_file_without_a_known_neck(tmp_path: Path) -> None:
    neck = dict(type='BNNeck', in_channels=DIM)
    with pytest.raises(ValueError, match=r'weights\.pth: expected one of .*fast-reid'):
        load(VIT, draw_vit(), tmp_path, neck=neck)


@pytest.mark.parametrize(
    ('change', 'says', 'counts'),
    [
        (
            {'norm.bias': None},
            "'ln1.bias' of shape (24,), but it is missing",
            '29 of 30 weights match, 1 are missing, 0 have another shape, 0 have no',
        ),
        (
            {'patch_embed.proj.weight': torch.zeros(DIM, 64, 4, 4)},
            "'patch_embed.projection.weight' of shape (24, 3, 8, 8), but it has "
            '(24, 64, 4, 4)',
            '29 of 30 weights match, 0 are missing, 1 have another shape, 0 have no',
        ),
        (
            {'blocks.0.ls1.gamma': torch.zeros(DIM)},
            "no 'layers.0.attn.gamma1.weight', but it is there",
            '30 of 30 weights match, 0 are missing, 0 have another shape, 1 have no',
        ),
    ],
)
def test_weights_that_do_not_fit(
    change: dict, says: str, counts: str, tmp_path: Path
) -> None:
    weights = {k: v for k, v in (draw_vit() | change).items() if v is not None}
    message = r'weights\.pth does not fit the VisionTransformer'
    with pytest.raises(ValueError, match=message) as error:
        load(VIT, weights, tmp_path)
    assert says in str(error.value)
    assert counts in str(error.value)


@pytest.mark.parametrize('fits', [True, False])
def test_files_without_our_scheme(fits: bool, tmp_path: Path) -> None:
    """MMEngine would only warn, and train a network that is half random."""
    weights = MODELS.build(VIT).state_dict()
    state = {f'{"" if fits else "encoder_q."}{name}': w for name, w in weights.items()}
    torch.save(state, tmp_path / 'lup.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'lup.pth'))
    encoder = ReIDEncoder(dict(VIT, init_cfg=init), POOLING)
    if fits:
        encoder.init_weights()
        return
    with pytest.raises(ValueError, match=r'lup.pth does not fit.* begins with reid://'):
        encoder.init_weights()
