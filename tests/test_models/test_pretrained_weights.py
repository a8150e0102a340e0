from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch.nn import functional

from dynamix.models import ReIDEncoder, convert_weights
from dynamix.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs'
DIM, HEADS, DEPTH, GRID = 24, 3, 2, (4, 2)
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(
        embed_dims=DIM, num_layers=DEPTH, num_heads=HEADS, feedforward_channels=2 * DIM
    ),
    img_size=(32, 16),
    patch_size=8,
)


def draw_vit(grid=GRID):
    """A vision transformer with timm's names."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        'cls_token': (1, 1, DIM),
        'pos_embed': (1, 1 + grid[0] * grid[1], DIM),
        'patch_embed.proj.weight': (DIM, 3, 8, 8),
        'patch_embed.proj.bias': (DIM,),
        'norm.weight': (DIM,),
        'norm.bias': (DIM,),
    }
    for k in range(DEPTH):
        for name, rows, columns in (
            ('attn.qkv', 3 * DIM, DIM),
            ('attn.proj', DIM, DIM),
            ('mlp.fc1', 2 * DIM, DIM),
            ('mlp.fc2', DIM, 2 * DIM),
        ):
            shapes[f'blocks.{k}.{name}.weight'] = (rows, columns)
            shapes[f'blocks.{k}.{name}.bias'] = (rows,)
        for name in ('norm1', 'norm2'):
            shapes[f'blocks.{k}.{name}.weight'] = (DIM,)
            shapes[f'blocks.{k}.{name}.bias'] = (DIM,)
    return {k: 0.3 * torch.randn(v, generator=generator) for k, v in shapes.items()}


def run_vit(w, image):
    """What these weights mean: the class token after all blocks and the norm."""

    def norm(x, name):
        return functional.layer_norm(
            x, (DIM,), w[f'{name}.weight'], w[f'{name}.bias'], 1e-6
        )

    def linear(x, name):
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    patches = functional.conv2d(
        image, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], stride=8
    )
    tokens = [w['cls_token'][0, 0]]
    tokens += [patches[0, :, i, j] for i in range(GRID[0]) for j in range(GRID[1])]
    x = torch.stack(tokens) + w['pos_embed'][0]
    for k in range(DEPTH):
        q, key, value = linear(
            norm(x, f'blocks.{k}.norm1'), f'blocks.{k}.attn.qkv'
        ).chunk(3, 1)
        heads = []
        for h in range(HEADS):
            part = slice(h * DIM // HEADS, (h + 1) * DIM // HEADS)
            scores = q[:, part] @ key[:, part].T / (DIM // HEADS) ** 0.5
            heads.append(scores.softmax(1) @ value[:, part])
        x = x + linear(torch.cat(heads, 1), f'blocks.{k}.attn.proj')
        hidden = functional.gelu(
            linear(norm(x, f'blocks.{k}.norm2'), f'blocks.{k}.mlp.fc1')
        )
        x = x + linear(hidden, f'blocks.{k}.mlp.fc2')
    return norm(x, 'norm')[0]


def build(config, path):
    model = MODELS.build(
        dict(**config, init_cfg=dict(type='Pretrained', checkpoint=f'reid://{path}'))
    )
    model.init_weights()
    model.eval()
    return model


def test_vit_computes_what_it_did(tmp_path):
    weights = draw_vit()
    teacher = {f'module.backbone.{name}': w for name, w in weights.items()}
    student = {name: w + 1 for name, w in teacher.items()}
    head = {'module.head.last_layer.weight': torch.zeros(3)}
    checkpoint = dict(
        student=student, teacher={**teacher, **head}, epoch=3, loss=np.float64(1)
    )
    torch.save(checkpoint, tmp_path / 'dino.pth')
    model = build(VIT, tmp_path / 'dino.pth')
    image = torch.randn(1, 3, 32, 16)
    with torch.no_grad():
        torch.testing.assert_close(model(image)[0][0], run_vit(weights, image))
    assert set(convert_weights(checkpoint)) == set(model.state_dict())


def test_vit_of_another_image_size_is_fitted(tmp_path):
    torch.save(draw_vit(grid=(3, 3)), tmp_path / 'square.pth')
    model = build(VIT, tmp_path / 'square.pth')
    assert model.pos_embed.shape == (1, 9, DIM)


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
def test_vits_in_wrappers(prefix, others):
    weights = draw_vit()
    flat = {prefix + name: w for name, w in weights.items()}
    flat.update((name, torch.zeros(1)) for name in others)
    if 'base_encoder' in prefix:
        names = [name.replace('base_', 'momentum_') for name in flat]
        flat.update((name, torch.zeros(1)) for name in names)
    found = convert_weights(flat)
    assert len(found) == len(weights)
    assert (
        found['layers.1.ffn.layers.0.0.bias'] is flat[f'{prefix}blocks.1.mlp.fc1.bias']
    )


def test_vit_of_mmpretrain_and_its_prefix(tmp_path):
    source = build(VIT, _saved(draw_vit(), tmp_path / 'timm.pth'))
    state = {f'backbone.{k}': v for k, v in source.state_dict().items()}
    state['head.layers.head.weight'] = torch.zeros(1)
    double = dict(state_dict=state, ema_state_dict={k: v + 1 for k, v in state.items()})
    path = _saved(double, tmp_path / 'mm.pth')
    with pytest.raises(ValueError, match=r'found 2, under .* choose by'):
        build(VIT, path)
    model = build(VIT, f'{path}#ema_state_dict.backbone.')
    for name, value in source.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value + 1)


def _saved(checkpoint, path):
    torch.save(checkpoint, path)
    return path


def test_recipes_take_other_weights(tmp_path):
    """As the README says, for each recipe."""
    for name in ('r50', 'r50-ibn', 'vit-b', 'vit-s-ics'):
        config = Config.fromfile(CONFIGS / f'dynamix_{name}.py').model.backbone
        model = MODELS.build({k: v for k, v in config.items() if k != 'init_cfg'})
        state = {f'module.{k}': v + 1 for k, v in model.state_dict().items()}
        path = _saved(dict(state_dict=state), tmp_path / f'{name}.pth')
        config.init_cfg.checkpoint = f'reid://{path}'
        model = MODELS.build(config)
        model.init_weights()
        for key, value in model.state_dict().items():
            torch.testing.assert_close(value, state[f'module.{key}'])


def test_resnet_of_moco(tmp_path):
    config = dict(type='mmpretrain.ResNet', depth=18)
    source = MODELS.build(config)
    source.init_weights()
    query = {f'module.encoder_q.{k}': v for k, v in source.state_dict().items()}
    key = {k.replace('encoder_q', 'encoder_k'): v + 1 for k, v in query.items()}
    query['module.encoder_q.fc.0.weight'] = torch.zeros(2, 2)
    queue = {'module.queue': torch.zeros(2, 2)}
    state = dict(state_dict={**query, **key, **queue}, arch='resnet18')
    torch.save(state, tmp_path / 'moco.pth')
    model = build(config, tmp_path / 'moco.pth')
    for name, value in source.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value)


@pytest.mark.parametrize(
    ('checkpoint', 'says'),
    [
        ({'fc.weight': torch.zeros(1)}, 'but found fc.weight'),
        ({}, 'but found no tensors'),
        (
            {f'{k}.layer1.0.conv1.weight': torch.zeros(1) for k in 'ab'},
            "found 2, under 'a.', 'b.'",
        ),
        (
            {'layer1.0.conv1.weight': torch.zeros(1), 'conv1.0.weight': torch.zeros(1)},
            "expected 'conv1.weight' as the stem of a ResNet",
        ),
        (
            {**draw_vit(), 'blocks.0.ls1.gamma': torch.zeros(1)},
            "'blocks.0.ls1.gamma' has no counterpart",
        ),
    ],
)
def test_what_cannot_be_used_is_named(checkpoint, says, tmp_path):
    torch.save(checkpoint, tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match=r'odd\.pth: .*') as error:
        build(VIT, tmp_path / 'odd.pth')
    assert says in str(error.value)


def test_weights_that_do_not_fit_are_named(tmp_path):
    """MMEngine would warn and train what is half random."""
    neck = dict(type='BNNeck', in_channels=DIM)
    for odd, says in (
        ({'norm.bias': None}, "'ln1.bias' of shape (24,), but it is missing"),
        (
            {'patch_embed.proj.weight': torch.zeros(DIM, 64, 4, 4)},
            "'patch_embed.projection.weight' of shape (24, 3, 8, 8), but it has "
            '(24, 64, 4, 4)',
        ),
        ({'pos_embed': torch.zeros(1, 10, DIM)}, None),
    ):
        weights = {k: v for k, v in {**draw_vit(), **odd}.items() if v is not None}
        path = _saved(weights, tmp_path / 'odd.pth')
        init = dict(type='Pretrained', checkpoint=f'reid://{path}')
        encoder = ReIDEncoder(dict(**VIT, init_cfg=init), neck)
        if says is None:
            encoder.init_weights()
            continue
        with pytest.raises(ValueError, match=r'odd\.pth does not fit') as error:
            encoder.init_weights()
        assert 'a VisionTransformer' in str(error.value)
        assert says in str(error.value)


def test_weights_under_other_names_are_not_passed_over(tmp_path):
    # as MMPretrain's users name a file: without reid://
    neck = dict(type='BNNeck', in_channels=64)
    weights = MODELS.build(VIT).state_dict()
    named = {f'module.encoder_q.{name}': value for name, value in weights.items()}
    half = dict(list(weights.items())[len(weights) // 2 - 1 :])
    for state, says in ((named, 'begins with reid://'), (half, None), (weights, None)):
        torch.save(state, tmp_path / 'lup.pth')
        init = dict(type='Pretrained', checkpoint=str(tmp_path / 'lup.pth'))
        encoder = ReIDEncoder(dict(**VIT, init_cfg=init), neck)
        if says is None:
            encoder.init_weights()
            continue
        with pytest.raises(ValueError, match=f'lup.pth does not fit.*{says}'):
            encoder.init_weights()
