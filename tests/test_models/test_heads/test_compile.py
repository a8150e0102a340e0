from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dynamix.models import DynaMix

from .ranks import BATCHES, DIM, make_head, samples

Step = Callable[[int], dict[str, Tensor]]


def run(step: Step, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Losses and gradients of three steps of gradient descent."""
    optimizer, found = torch.optim.SGD(parameters, lr=0.1), []
    for number in range(3):
        losses = step(number)
        optimizer.zero_grad()
        torch.stack([*losses.values()]).sum().backward()
        found += [value.detach() for value in losses.values()]
        found += [parameter.grad.clone() for parameter in parameters]
        optimizer.step()
    return found


def test_compiled_model() -> None:
    torch.manual_seed(0)
    backbone = dict(
        type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=DIM, num_layers=1, num_heads=2, feedforward_channels=8),
        img_size=(32, 16),
        patch_size=8,
    )
    neck = dict(type='dynamix.BNNeck', in_channels=DIM, pooling=None)
    plain = DynaMix(backbone, neck)
    plain.head = make_head(dtype='float32')
    results = []
    for model in (copy.deepcopy(plain), plain):
        forward = model.forward
        if model is plain:
            forward = torch.compile(forward, backend='aot_eager')

        def step(number: int, forward: Callable = forward) -> dict:
            generator = torch.Generator().manual_seed(number)
            views = [torch.randn(12, 3, 32, 16, generator=generator) for _ in range(2)]
            return forward(views, samples(BATCHES[number]), mode='loss')

        parameters = [p for p in model.encoder.parameters() if p.requires_grad]
        results.append([*run(step, parameters), *model.state_dict().values()])
    torch.testing.assert_close(*results)
