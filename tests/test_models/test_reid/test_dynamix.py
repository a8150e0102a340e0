"""Which images reach which encoder, and what is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import Tensor, nn

from dynamix.models import DynaMix
from dynamix.structures import ReIDDataSample

CONFIGS = Path(__file__).parents[3] / 'configs'


class Recorder(nn.Module):
    """A head that keeps what it is given."""

    given: tuple[Any, ...] = ()

    def loss(self, *given: Any) -> dict[str, Tensor]:
        self.given = given
        return dict(loss=given[0].sum())


def make(**options: Any) -> DynaMix:
    torch.manual_seed(0)
    model = DynaMix(
        **options,
        backbone=dict(
            type='mmpretrain.ResNet', depth=18, base_channels=4, out_indices=[3]
        ),
        neck=dict(
            type='dynamix.BNNeck',
            in_channels=32,
            pooling=dict(type='mmpretrain.GlobalAveragePooling'),
        ),
    )
    model.head = Recorder()
    return model


@pytest.fixture
def model() -> DynaMix:
    return make()


def test_a_third_view_is_for_the_momentum_encoder_too(model: DynaMix) -> None:
    views = [torch.rand(4, 3, 32, 32) for _ in range(3)]
    average = model.momentum_encoder
    two, norm = copy.deepcopy(model), average.module.neck.norm
    model.loss(views, [])
    features, plain, samples, again = model.head.given
    assert samples == []
    assert features.requires_grad
    assert not plain.requires_grad
    assert not again.requires_grad
    two.loss(views[:2], [])
    assert len(two.head.given) == 3
    # statistics are of plain images alone
    expected = two.momentum_encoder.module.neck.norm
    torch.testing.assert_close(norm.running_mean, expected.running_mean)
    assert norm.num_batches_tracked == expected.num_batches_tracked == 2
    torch.testing.assert_close(average(views[1]), plain)
    torch.testing.assert_close(average(views[2]), again)
    assert norm.num_batches_tracked == 4


@pytest.mark.parametrize('count', [1, 4])
def test_other_numbers_of_views_are_refused(model: DynaMix, count: int) -> None:
    views = [torch.rand(2, 3, 32, 32)] * count
    with pytest.raises(ValueError, match=f'ImageViews in the training .* got {count}'):
        model.loss(views, [])


@pytest.mark.parametrize('channels_last', [False, True])
def test_the_momentum_encoder_embeds(channels_last: bool) -> None:
    model = make(channels_last=channels_last).eval()
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(1.1)
    x = torch.rand(2, 3, 32, 32)
    found = model(x)
    for name in ('momentum_encoder', 'encoder'):
        embedding = torch.nn.functional.normalize(getattr(model, name)(x), dim=1)
        assert torch.allclose(found, embedding) == (name == 'momentum_encoder')
    samples = model(x, [ReIDDataSample(), ReIDDataSample()], mode='predict')
    torch.testing.assert_close(torch.stack([s.feature for s in samples]), found)


def test_flip_averages_an_image_and_its_mirror_image() -> None:
    plain, flipped = make(), make(test_cfg=dict(flip=True))
    x = torch.rand(2, 3, 32, 32)
    for model in (plain, flipped):
        model.eval()

    def features(model: DynaMix, images: Tensor) -> Tensor:
        samples = model(images, [ReIDDataSample(), ReIDDataSample()], mode='predict')
        return torch.stack([sample.feature for sample in samples])

    assert torch.equal(flipped(x), plain(x))  # of relabeling and export
    mean = (plain(x) + plain(x.flip(3))) / 2
    expected = mean / mean.norm(dim=1, keepdim=True)
    torch.testing.assert_close(features(flipped, x), expected)
    torch.testing.assert_close(features(flipped, x.flip(3)), expected)
    assert not torch.allclose(features(plain, x), expected)
    with pytest.raises(TypeError, match="no key 'mirror'"):
        make(test_cfg=dict(mirror=True))


def test_what_is_wrong_is_named(model: DynaMix) -> None:
    with pytest.raises(ValueError, match=r"mode must be .* got 'losses'"):
        model(torch.rand(2, 3, 32, 32), mode='losses')
    model.head = None
    with pytest.raises(ValueError, match=r'model\.head is None'):
        model.loss([torch.rand(2, 3, 32, 32)] * 2, [])


def test_takes_necks_of_mmpretrain() -> None:
    model = DynaMix(
        backbone=dict(
            type='mmpretrain.ResNet', depth=18, base_channels=4, out_indices=[2, 3]
        ),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
    )
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 32)


@pytest.mark.parametrize(
    ('recipe', 'arch', 'first', 'last', 'patches'),
    [
        (
            'vit-b',
            dict(embed_dims=8, num_layers=3, num_heads=2, feedforward_channels=8),
            'layers.0.attn.qkv',
            'layers.2.attn.qkv',
            'patch_embed.projection',
        ),
        (
            'swin-b',
            dict(embed_dims=1, depths=[1, 1, 0, 1], num_heads=[1, 1, 1, 1]),
            'stages.0.blocks.0.attn.w_msa.qkv',
            'stages.3.blocks.0.attn.w_msa.qkv',
            'patch_embed.projection',
        ),
    ],
)
def test_learning_rates_decay_by_layer(
    recipe: str, arch: dict, first: str, last: str, patches: str
) -> None:
    cfg = Config.fromfile(CONFIGS / f'dynamix_{recipe}.py')
    backbone = dict(cfg.model.backbone, arch=arch, init_cfg=None)
    model = DynaMix(backbone, dict(cfg.model.neck, in_channels=8))
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type=cfg.optim_wrapper.constructor,
            optim_wrapper_cfg=dict(optimizer=cfg.optim_wrapper.optimizer),
            paramwise_cfg=cfg.optim_wrapper.paramwise_cfg,
        )
    )
    groups = {
        group['param_name'].removeprefix('encoder.'): group
        for group in constructor(model).optimizer.param_groups
    }
    assert not any(name.startswith('momentum_encoder') for name in groups)
    rate = cfg.optim_wrapper.optimizer.lr
    assert groups['neck.norm.weight']['lr'] == pytest.approx(rate)
    for power, layer in ((1, last), (3, first), (4, patches)):
        group = groups[f'backbone.{layer}.weight']
        assert group['lr'] == pytest.approx(rate * 0.75**power)
        assert group['weight_decay'] == 0.05
        assert groups[f'backbone.{layer}.bias']['weight_decay'] == 0
