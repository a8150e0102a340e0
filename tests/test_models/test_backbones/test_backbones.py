"""What the tests of pre-trained weights and of single backbones leave open."""

from __future__ import annotations

import pytest

from dynamix.models import OSNet, VisionTransformerICS, VisionTransformerRegisters

ARCH = dict(embed_dims=24, num_layers=2, num_heads=3, feedforward_channels=48)


def test_an_unknown_variant_of_osnet_is_named() -> None:
    with pytest.raises(ValueError, match=r"variant must be .* got 'IN'"):
        OSNet(variant='IN')


def test_size_of_the_published_models_with_a_stem() -> None:
    model = VisionTransformerICS('deit-small', (256, 128))
    assert model.pos_embed.shape == (1, 129, 384)
    assert model.patch_embed.projection.weight.shape == (384, 64, 8, 8)
    assert model.patch_embed.init_out_size == (16, 8)


def test_a_frozen_stem() -> None:
    model = VisionTransformerICS(ARCH, (32, 16), patch_size=8, frozen_stages=1)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert {'patch_embed.conv.0.weight', 'patch_embed.projection.weight'} <= frozen


def test_depth_of_register_tokens() -> None:
    backbone = VisionTransformerRegisters(ARCH, (32, 16), patch_size=8, num_registers=3)
    names = ('pre_norm.tokens', 'cls_token', 'layers.1.ln1.weight', 'ln1.bias')
    depths = [backbone.get_layer_depth(f'a.{name}', 'a.')[0] for name in names]
    assert depths == [0, 0, 2, 3]
