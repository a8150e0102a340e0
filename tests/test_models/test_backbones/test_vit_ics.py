from __future__ import annotations

import torch
from torch.nn import functional

from dynamix.models import convert_weights
from dynamix.models.backbones import VisionTransformerICS
from tests.test_models.test_pretrained.vit import DIM, VIT, draw_vit

ARCH = VIT['arch']


def draw_stem():
    """The stem, with the names of the published weights."""
    generator = torch.Generator().manual_seed(1)
    shapes = {
        'conv.0.weight': (64, 3, 7, 7),
        'conv.3.weight': (64, 64, 3, 3),
        'conv.6.weight': (64, 64, 3, 3),
        'proj.weight': (DIM, 64, 4, 4),
        'proj.bias': (DIM,),
    }
    for norm, size in (
        ('1.IN', 32),
        ('1.BN', 32),
        ('4.IN', 32),
        ('4.BN', 32),
        ('7', 64),
    ):
        shapes |= {f'conv.{norm}.{k}': (size,) for k in ('weight', 'bias')}
        if 'IN' not in norm:
            shapes |= {f'conv.{norm}.running_{k}': (size,) for k in ('mean', 'var')}
    weights = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator) * 0.2
        weights[f'patch_embed.{name}'] = value.abs() if name.endswith('var') else value
    return weights


def run_stem(weights, x):
    """What these weights mean."""
    w = {k.removeprefix('patch_embed.'): v for k, v in weights.items()}

    def batch_norm(x, name):
        values = (w[f'{name}.{k}'] for k in ('running_mean', 'running_var', 'weight'))
        return functional.batch_norm(x, *values, w[f'{name}.bias'])

    def ibn(x, name):
        first = functional.instance_norm(
            x[:, :32], weight=w[f'{name}.IN.weight'], bias=w[f'{name}.IN.bias']
        )
        return torch.cat([first, batch_norm(x[:, 32:], f'{name}.BN')], 1)

    x = functional.conv2d(x, w['conv.0.weight'], stride=2, padding=3)
    x = functional.conv2d(ibn(x, 'conv.1').relu(), w['conv.3.weight'], padding=1)
    x = functional.conv2d(ibn(x, 'conv.4').relu(), w['conv.6.weight'], padding=1)
    x = batch_norm(x, 'conv.7').relu()
    return functional.conv2d(x, w['proj.weight'], w['proj.bias'], stride=4)


def test_stem_computes_what_published_weights_mean():
    weights = {**draw_vit(), **draw_stem()}
    model = VisionTransformerICS(ARCH, (32, 16), patch_size=8)
    result = model.load_state_dict(convert_weights(dict(teacher=weights)), strict=False)
    assert result.unexpected_keys == []
    assert all('num_batches' in key for key in result.missing_keys)
    image = torch.randn(2, 3, 32, 16)
    model.eval()
    with torch.no_grad():
        tokens, grid = model.patch_embed(image)
        expected = run_stem(weights, image)
        assert grid == (4, 2)
        torch.testing.assert_close(tokens, expected.flatten(2).transpose(1, 2))
        assert model(image)[0].shape == (2, DIM)


def test_size_of_the_published_models():
    model = VisionTransformerICS('deit-small', (256, 128))
    assert model.pos_embed.shape == (1, 129, 384)
    assert model.patch_embed.projection.weight.shape == (384, 64, 8, 8)
    assert model.patch_embed.init_out_size == (16, 8)


def test_a_frozen_stem():
    model = VisionTransformerICS(ARCH, (32, 16), patch_size=8, frozen_stages=1)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert {'patch_embed.conv.0.weight', 'patch_embed.projection.weight'} <= frozen
