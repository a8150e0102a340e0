from __future__ import annotations

import pytest
import torch
from mmpretrain.models.backbones import ResNet
from torch.nn import functional

from dynamix.models import ResNetIBN
from dynamix.models.backbones.resnet_ibn import InstanceBatchNorm
from dynamix.registry import MODELS

BN = dict(type='BN')


@pytest.mark.parametrize('training', [False, True])
def test_halves_are_normalised_apart(training):
    torch.manual_seed(0)
    channels = 7
    norm = InstanceBatchNorm(channels, BN).train(training)
    for weight in (*norm.parameters(), norm.BN.running_mean):
        torch.nn.init.normal_(weight)
    x = torch.randn(4, channels, 5, 3)
    mean, variance = norm.BN.running_mean.clone(), norm.BN.running_var.clone()
    found = norm(x)
    for b in range(4):
        for c in range(channels // 2):
            plane = x[b, c]
            expected = (plane - plane.mean()) / (plane.var(correction=0) + 1e-5).sqrt()
            expected = expected * norm.IN.weight[c] + norm.IN.bias[c]
            torch.testing.assert_close(found[b, c], expected)
    rest = functional.batch_norm(
        x[:, channels // 2 :], mean, variance, norm.BN.weight, norm.BN.bias, training
    )
    torch.testing.assert_close(found[:, channels // 2 :], rest)


def test_only_the_first_norms_of_three_stages_differ():
    plain = set(ResNet(50).state_dict())
    model = MODELS.build(dict(type='ResNetIBN', depth=50, strides=(1, 2, 2, 1)))
    names = set(model.state_dict())
    fresh, gone = names - plain, plain - names
    assert {'.'.join(name.split('.')[:3]) for name in fresh} == {
        f'layer{stage}.{block}.bn1'
        for stage, blocks in zip((1, 2, 3), model.stage_blocks)
        for block in range(blocks)
    }
    # the names of the published weights
    assert {name.split('.', 3)[3] for name in fresh} == {
        *(f'IN.{k}' for k in ('weight', 'bias')),
        *(
            f'BN.{k}'
            for k in (
                *('weight', 'bias', 'running_mean'),
                *('running_var', 'num_batches_tracked'),
            )
        ),
    }
    assert len(gone) == 5 * sum(model.stage_blocks[:3])
    x = torch.rand(2, 3, 32, 16)
    (out,) = model(x)
    assert out.shape == (2, 2048, 2, 1)
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_frozen_stages_stay_frozen():
    model = ResNetIBN(18, frozen_stages=1)
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert {'layer1.0.bn1.IN.weight', 'layer1.1.bn1.BN.bias'} <= frozen
    assert not any(name.startswith('layer2') for name in frozen)
