"""OSNet as torchreid stores it, and what its weights mean, written out slowly."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

AIN_BLOCKS = {'conv2.0', 'conv2.1', 'conv3.1', 'conv4.0'}
IBN_BLOCKS = {'conv2.0', 'conv2.1'}


def make_osnet(channels: tuple[int, ...], variant: str) -> dict[str, Tensor]:
    """Random weights by their names in torchreid, with a classifier of 5 people."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}

    def draw(name: str, *shape: int) -> None:
        scale = (2 / math.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 1
        weights[name] = scale * torch.randn(shape, generator=generator)

    def conv(name: str, out: int, into: int, side: int = 1) -> None:
        draw(name, out, into, side, side)

    def norm(name: str, size: int, instance: bool = False) -> None:
        draw(f'{name}.weight', size)
        draw(f'{name}.bias', size)
        if not instance:
            draw(f'{name}.running_mean', size)
            weights[f'{name}.running_var'] = torch.rand(size, generator=generator) + 1
            weights[f'{name}.num_batches_tracked'] = torch.tensor(7)

    def unit(name: str, out: int, into: int) -> None:
        conv(f'{name}.conv.weight', out, into)
        norm(f'{name}.bn', out)

    def block(name: str, into: int, out: int) -> None:
        mid = out // 4
        unit(f'{name}.conv1', mid, into)
        for letter, depth in zip('abcd', range(1, 5)):
            for i in range(depth):
                light = light_name(name, variant, letter, i)
                conv(f'{light}.conv1.weight', mid, mid)
                conv(f'{light}.conv2.weight', mid, 1, 3)
                norm(f'{light}.bn', mid)
        for fc, sizes in (('fc1', (mid // 16, mid)), ('fc2', (mid, mid // 16))):
            conv(f'{name}.gate.{fc}.weight', *sizes)
            draw(f'{name}.gate.{fc}.bias', sizes[0])
        if variant == 'ain' and name in AIN_BLOCKS:
            conv(f'{name}.conv3.conv.weight', out, mid)
        else:
            unit(f'{name}.conv3', out, mid)
        if into != out:
            unit(f'{name}.downsample', out, into)
        if name in instance_blocks(variant):
            norm(f'{name}.IN', out, instance=True)

    conv('conv1.conv.weight', channels[0], 3, 7)
    norm('conv1.bn', channels[0], instance=variant != 'plain')
    for stage in (2, 3, 4):
        into, out = channels[stage - 2 : stage]
        block(f'conv{stage}.0', into, out)
        block(f'conv{stage}.1', out, out)
        if stage < 4:
            unit(transition_name(variant, stage), out, out)
    unit('conv5', channels[3], channels[3])
    draw('fc.0.weight', 512, channels[3])
    draw('fc.0.bias', 512)
    norm('fc.1', 512)
    draw('classifier.weight', 5, 512)
    draw('classifier.bias', 5)
    return weights


def instance_blocks(variant: str) -> set[str]:
    return {'plain': set(), 'ibn': IBN_BLOCKS, 'ain': AIN_BLOCKS}[variant]


def transition_name(variant: str, stage: int) -> str:
    return f'pool{stage}.0' if variant == 'ain' else f'conv{stage}.2.0'


def light_name(block: str, variant: str, letter: str, i: int) -> str:
    if variant == 'ain':
        return f'{block}.conv2.{"abcd".index(letter)}.layers.{i}'
    return f'{block}.conv2{letter}' + ('' if letter == 'a' else f'.{i}')


def run_osnet(w: dict[str, Tensor], variant: str, x: Tensor) -> Tensor:
    """The 512 numbers in front of the classifier, in evaluation mode."""

    def norm(x: Tensor, name: str) -> Tensor:
        weight, bias = w[f'{name}.weight'], w[f'{name}.bias']
        if f'{name}.running_mean' not in w:
            return F.instance_norm(x, weight=weight, bias=bias)
        mean, var = w[f'{name}.running_mean'], w[f'{name}.running_var']
        return F.batch_norm(x, mean, var, weight, bias)

    def unit(x: Tensor, name: str) -> Tensor:
        return norm(F.conv2d(x, w[f'{name}.conv.weight']), f'{name}.bn')

    def light(x: Tensor, name: str) -> Tensor:
        x = F.conv2d(x, w[f'{name}.conv1.weight'])
        x = F.conv2d(x, w[f'{name}.conv2.weight'], padding=1, groups=x.shape[1])
        return norm(x, f'{name}.bn').relu()

    def gate(x: Tensor, name: str) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        hidden = F.conv2d(mean, w[f'{name}.fc1.weight'], w[f'{name}.fc1.bias']).relu()
        return (
            x
            * F.conv2d(hidden, w[f'{name}.fc2.weight'], w[f'{name}.fc2.bias']).sigmoid()
        )

    def block(x: Tensor, name: str) -> Tensor:
        first = unit(x, f'{name}.conv1').relu()
        total = torch.zeros(())
        for letter, depth in zip('abcd', range(1, 5)):
            stream = first
            for i in range(depth):
                stream = light(stream, light_name(name, variant, letter, i))
            total = total + gate(stream, f'{name}.gate')
        inside = variant == 'ain' and name in AIN_BLOCKS
        if inside:
            residual = norm(
                F.conv2d(total, w[f'{name}.conv3.conv.weight']), f'{name}.IN'
            )
        else:
            residual = unit(total, f'{name}.conv3')
        if f'{name}.downsample.conv.weight' in w:
            x = unit(x, f'{name}.downsample')
        x = residual + x
        if name in instance_blocks(variant) and not inside:
            x = norm(x, f'{name}.IN')
        return x.relu()

    x = F.conv2d(x, w['conv1.conv.weight'], stride=2, padding=3)
    x = F.max_pool2d(norm(x, 'conv1.bn').relu(), 3, 2, 1)
    for stage in (2, 3, 4):
        x = block(block(x, f'conv{stage}.0'), f'conv{stage}.1')
        if stage < 4:
            x = F.avg_pool2d(unit(x, transition_name(variant, stage)).relu(), 2)
    x = unit(x, 'conv5').relu().mean((2, 3))
    return norm(x @ w['fc.0.weight'].T + w['fc.0.bias'], 'fc.1').relu()
