"""What is found in a file, what is refused, and the configs of docs/pretrained.md."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpretrain.models import SwinTransformer, VisionTransformer
from torch import Tensor

from dynamix.models import ReIDEncoder, convert_weights
from dynamix.registry import MODELS

from . import originals, torchreid
from .loading import OSNET, POOLING, RESNET, SWIN, VIT, load
from .originals import DIM, GRID, randomize

ROOT = Path(__file__).parents[3]
DOC = (ROOT / 'docs' / 'pretrained.md').read_text()
EXAMPLES = re.findall(r'```python\n(.*?)```', DOC, flags=re.DOTALL)
ZERO = torch.zeros(1)


def draw_vit(num_patches: int = 8) -> dict[str, Tensor]:
    return randomize(originals.ViT(num_patches)).state_dict()


def draw(backbone: dict) -> dict[str, Tensor]:
    return MODELS.build(backbone).state_dict()


@pytest.mark.parametrize('name', ['r50-ibn', 'vit-s-ics', 'osnet-ain-x1-0'])
def test_a_recipe_starts_from_its_own_checkpoint(name: str, tmp_path: Path) -> None:
    config = Config.fromfile(ROOT / f'configs/dynamix_{name}.py').model.backbone
    config.pop('init_cfg')
    weights = draw(config)
    state = {f'encoder.backbone.{k}': v for k, v in weights.items()}
    state |= {
        f'momentum_encoder.module.backbone.{k}': v + 1 for k, v in weights.items()
    }
    backbone = load(config, dict(state_dict=state), tmp_path).backbone
    for key, value in backbone.state_dict().items():
        torch.testing.assert_close(value, weights[key] + 1)


@pytest.mark.parametrize(
    ('prefix', 'others'),
    [
        ('', ['head.weight', 'dist_token']),  # timm
        ('model.', ['model.mask_token', 'model.decoder_blocks.0.attn.qkv.weight']),
        ('state_dict.module.base_encoder.', ['state_dict.module.momentum_encoder.x']),
        ('base.', ['classifier.weight', 'base.cls_token_2']),  # TransReID
        ('model.backbone.', ['model.heads.weight', 'optimizer.state.0.exp_avg']),
    ],
)
def test_wrappers(prefix: str, others: list[str]) -> None:
    weights = draw_vit()
    flat = {prefix + name: w for name, w in weights.items()}
    flat.update((name, ZERO) for name in others)
    if 'base_encoder' in prefix:
        names = [name.replace('base_', 'momentum_') for name in flat]
        flat.update((name, ZERO) for name in names)
    found = convert_weights(flat)
    assert len(found) == len(weights)
    fc1 = flat[f'{prefix}blocks.1.mlp.fc1.bias']
    assert found['layers.1.ffn.layers.0.0.bias'] is fc1


def test_two_of_mmpretrain_in_one_file(tmp_path: Path) -> None:
    source = draw(VIT)
    state = {f'backbone.{k}': v for k, v in source.items()}
    double = dict(state_dict=state, ema_state_dict={k: v + 1 for k, v in state.items()})
    with pytest.raises(ValueError, match=r'found 2, under .* choose by'):
        load(VIT, double, tmp_path)
    backbone = load(VIT, double, tmp_path, '#ema_state_dict.backbone.').backbone
    for name, value in source.items():
        torch.testing.assert_close(backbone.state_dict()[name], value + 1)


@pytest.mark.parametrize(
    ('checkpoint', 'says'),
    [
        ({'fc.weight': ZERO}, 'but found fc.weight'),
        ({}, 'but found no tensors'),
        (
            {f'{k}.layer1.0.conv1.weight': ZERO for k in 'ab'},
            "found 2, under 'a.', 'b.'",
        ),
    ],
)
def test_a_file_without_a_known_backbone(
    checkpoint: dict, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf'weights\.pth: .*{re.escape(says)}'):
        load(VIT, checkpoint, tmp_path)


def test_a_file_without_a_known_neck(tmp_path: Path) -> None:
    neck = dict(type='BNNeck', in_channels=DIM)
    with pytest.raises(ValueError, match=r'weights\.pth: expected one of .*fast-reid'):
        load(VIT, draw_vit(), tmp_path, neck=neck)


@pytest.mark.parametrize(
    ('backbone', 'source', 'change', 'says'),
    [
        (
            VIT,
            originals.ViT,
            {'norm.bias': None},
            "expected 'ln1.bias' of shape (24,), but it is missing (29 of 30 weights "
            'match, 1 are missing, 0 have another shape, 0 have no place)',
        ),
        (
            VIT,
            originals.ViT,
            {'patch_embed.proj.weight': torch.zeros(DIM, 64, 4, 4)},
            "expected 'patch_embed.projection.weight' of shape (24, 3, 8, 8), but it "
            'has (24, 64, 4, 4) (29 of 30 weights match, 0 are missing, 1 have another',
        ),
        (
            VIT,
            originals.ViT,
            {'blocks.0.ls1.gamma': torch.zeros(DIM)},
            "expected no 'layers.0.attn.gamma1.weight', but it is there (30 of 30 "
            'weights match, 0 are missing, 0 have another shape, 1 have no place)',
        ),
        (
            RESNET,
            lambda: MODELS.build(RESNET),
            {'NL_2.0.g.weight': ZERO},
            "expected no 'NL_2.0.g.weight'",
        ),
        (
            RESNET,
            lambda: MODELS.build(RESNET),
            {'layer1.0.se.fc1.weight': ZERO},
            "expected no 'layer1.0.se.fc1.weight'",
        ),
        (
            dict(SWIN, window_size=4),
            originals.Swin,
            {},
            "relative_position_bias_table' of shape",
        ),
        (
            SWIN,
            lambda: originals.Solider(SWIN),
            {},
            "expected no 'stages.0.downsample.reduction.bias'",
        ),
        (
            dict(OSNET, widen_factor=0.5),
            lambda: torchreid.OSNet(0.25, 'plain'),
            {},
            "'conv1.conv.weight' of shape (32, 3, 7, 7), but it has (16,",
        ),
        (
            dict(OSNET, variant='ibn'),
            lambda: torchreid.OSNet(0.25, 'plain'),
            {},
            "'conv1.in.weight' of shape (16,), but it is missing",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_weights_that_do_not_fit(
    backbone: dict, source, change: dict, says: str, tmp_path: Path
) -> None:
    weights = source().state_dict() | change
    weights = {k: v for k, v in weights.items() if v is not None}
    name = backbone['type'].removeprefix('mmpretrain.')
    message = rf'weights\.pth does not fit the {name}: .*{re.escape(says)}'
    with pytest.raises(ValueError, match=message):
        load(backbone, weights, tmp_path)


@pytest.mark.parametrize('fits', [True, False])
def test_files_without_our_scheme(fits: bool, tmp_path: Path) -> None:
    """MMEngine would only warn, and train a network that is half random."""
    prefix = '' if fits else 'encoder_q.'
    state = {f'{prefix}{name}': w for name, w in draw(VIT).items()}
    torch.save(state, tmp_path / 'lup.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'lup.pth'))
    encoder = ReIDEncoder(dict(VIT, init_cfg=init), POOLING)
    if fits:
        encoder.init_weights()
        return
    with pytest.raises(ValueError, match=r'lup.pth does not fit.* begins with reid://'):
        encoder.init_weights()


def position_maps(embeddings: Tensor, grid: tuple[int, int]) -> Tensor:
    return embeddings[0, 1:].T.reshape(1, DIM, *grid)


@pytest.mark.parametrize(
    ('num_patches', 'suffix', 'grid', 'img_size', 'target'),
    [
        (784, '', (28, 28), (32, 16), GRID),  # of an image of 224 pixels
        (64, '?grid=16x4', (16, 4), (32, 16), GRID),
        (64, '?grid=8x8', (8, 8), (32, 16), GRID),
        # padded, as with DINOv2's patches of 14 pixels, which do not divide 256
        (784, '', (28, 28), (36, 20), (5, 3)),
    ],
)
def test_position_embeddings_of_another_grid(
    num_patches: int,
    suffix: str,
    grid: tuple[int, int],
    img_size: tuple[int, int],
    target: tuple[int, int],
    tmp_path: Path,
) -> None:
    weights = draw_vit(num_patches)
    backbone = load(dict(VIT, img_size=img_size), weights, tmp_path, suffix).backbone
    maps = position_maps(weights['pos_embed'], grid)
    expected = torch.nn.functional.interpolate(maps, target, mode='bicubic')
    found = backbone.pos_embed
    torch.testing.assert_close(position_maps(found, target), expected)
    torch.testing.assert_close(found[:, 0], weights['pos_embed'][:, 0])


@pytest.mark.parametrize(
    ('num_patches', 'suffix'),
    [(64, ''), (10, ''), (64, '?grid=16x8'), (8, '?grid=3x3')],
)
def test_a_grid_that_is_not_known_is_refused(
    num_patches: int, suffix: str, tmp_path: Path
) -> None:
    says = rf'weights\.pth: its {num_patches} position .* 4 x 2 .*\?grid=ROWSxCOLUMNS'
    with pytest.raises(ValueError, match=says):
        load(VIT, draw_vit(num_patches), tmp_path, suffix)


@pytest.mark.parametrize('example', EXAMPLES)
@torch.no_grad()
def test_an_example_of_the_docs(example: str, tmp_path: Path) -> None:
    """With one layer in place of many."""
    code = example.replace("'./", f"'{ROOT / 'configs'}/")
    (tmp_path / 'config.py').write_text(code)
    cfg = Config.fromfile(tmp_path / 'config.py')
    backbone = cfg.model.backbone
    if backbone.type.endswith('TIMMBackbone'):
        if importlib.util.find_spec('timm') is None:
            pytest.skip('timm is not there')
        backbone.pretrained = False
    elif backbone.type == 'mmpretrain.SwinTransformer':
        backbone.arch = dict(SwinTransformer.arch_zoo[backbone.arch], depths=[1] * 4)
    elif 'VisionTransformer' in backbone.type:
        backbone.arch = dict(VisionTransformer.arch_zoo[backbone.arch], num_layers=1)
    encoder = ReIDEncoder(backbone, cfg.model.neck).eval()
    embedding = encoder(torch.rand(1, 3, 256, 128))
    assert embedding.shape == (1, cfg.model.head.in_channels)
    assert cfg.optim_wrapper.optimizer.lr > 0
