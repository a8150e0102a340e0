"""The Triton kernel in Triton's interpreter: run as a program, it prints differences.

The interpreter has to be chosen by ``TRITON_INTERPRET=1`` before Triton is imported.
It multiplies float32 and float16, but not bfloat16.
"""

from __future__ import annotations

import json
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.memory import streamed_softmax_loss
from dynamix.models.memory.softmax_statistics import softmax_statistics

# Name: type of the products, of the storage, B, C, D, chunk size, options.
CASES: dict[str, tuple] = {
    'plain': (torch.float32, torch.float32, 5, 300, 32, None, {}),
    'chunks': (torch.float32, torch.float32, 5, 700, 32, 300, {}),
    'ragged': (torch.float32, torch.float32, 7, 261, 20, 100, {}),
    'two_blocks': (torch.float32, torch.float32, 130, 200, 16, None, {}),
    'low_temperature': (torch.float32, torch.float32, 5, 300, 32, None, {'t': 0.02}),
    'masked': (torch.float32, torch.float32, 9, 300, 32, 128, {'masked': True}),
    'nothing_valid': (torch.float32, torch.float32, 3, 40, 16, None, {'masked': None}),
    'sets': (torch.float32, torch.float32, 9, 300, 32, 128, {'sets': True}),
    'smoothing': (torch.float32, torch.float32, 9, 300, 32, 128, {'smoothing': 0.1}),
    'bfloat16_storage': (torch.float32, torch.bfloat16, 9, 300, 32, 128, {}),
    'float16_storage': (torch.float32, torch.float16, 9, 300, 32, 128, {}),
    'float16': (torch.float16, torch.float16, 66, 300, 80, 128, {'masked': True}),
    'float16_of_float32': (torch.float16, torch.float32, 9, 300, 48, 128, {}),
    'one_centroid': (torch.float32, torch.float32, 3, 1, 16, None, {}),
}


def arguments(case: tuple, device: str) -> tuple[Tensor, Tensor, Tensor, dict]:
    """Features, centroids, positives and keyword arguments of a case."""
    _, storage, batch, count, dim, chunk_size, options = case
    generator = torch.Generator().manual_seed(0)
    features = F.normalize(torch.randn(batch, dim, generator=generator), dim=1)
    centroids = F.normalize(torch.randn(count, dim, generator=generator), dim=1)
    size = (batch, 3) if options.get('sets') else (batch,)
    positives = torch.randint(-1, count, size, generator=generator)
    keywords: dict[str, Any] = dict(
        temperature=options.get('t', 0.5),
        label_smoothing=options.get('smoothing', 0.0),
        chunk_size=chunk_size,
    )
    if 'masked' in options:
        share = 0.3 if options['masked'] else 2.0
        keywords['valid'] = torch.rand(count, generator=generator).to(device) > share
    if options.get('sets'):
        positives[:, 1:] = (positives[:, :1] + torch.tensor([1, 2])) % count
        positives[::2, 2] = -1
        excluded = (positives[:, :1] + torch.tensor([7, 120])) % count
        keywords['excluded'] = excluded.to(device)
    return (
        features.to(device),
        centroids.to(device, storage),
        positives.to(device),
        keywords,
    )


def differences(case: tuple, device: str, backend: str = 'triton') -> dict[str, float]:
    """Largest differences between the kernel and PyTorch in float64.

    The gradient's is over the largest entry of any anchor's gradient.
    """
    features, centroids, positives, keywords = arguments(case, device)
    half = case[0] != torch.float32
    found: dict[str, Any] = {}
    for name in ('kernel', 'exact'):
        leaf = features.clone() if name == 'kernel' else features.double()
        leaf.requires_grad_()
        with torch.autocast(device, case[0], enabled=half and name == 'kernel'):
            loss = streamed_softmax_loss(
                leaf,
                centroids,
                positives,
                backend=backend if name == 'kernel' else 'torch',
                **keywords,
            )
        loss.sum().backward()
        found[name] = (loss.detach().double(), leaf.grad.double())
    (loss, gradient), (exact, slope) = found['kernel'], found['exact']
    return dict(
        loss=(loss - exact).abs().max().item(),
        gradient=((gradient - slope).abs().max() / slope.abs().max().clamp_min(1))
        .abs()
        .item(),
    )


def too_long(device: str) -> list[bool]:
    """Which of three anchors get NaN, the second of which is 40 times too long."""
    features, centroids, positives, keywords = arguments(CASES['plain'], device)
    features[1] *= 40
    keywords['temperature'] = 0.2
    loss = streamed_softmax_loss(
        features, centroids, positives, backend='triton', **keywords
    )
    return loss[:3].isnan().tolist()


def kernel_passes(dim: int, device: str, **options: Any) -> bool:
    """Whether a pass is the kernel's, told from the maximum that it leaves at 0."""
    centroids = F.normalize(torch.ones(9, dim, device=device), dim=1)
    statistics = softmax_statistics(
        centroids.to(options.pop('dtype', torch.float32)),
        centroids,
        options.pop('temperature', 0.5),
        backend='triton',
        **options,
    )
    return not bool(statistics.maximum.any())


def main() -> None:
    report: dict[str, Any] = {
        name: differences(case, 'cpu') for name, case in CASES.items()
    }
    report['too_long'] = too_long('cpu')
    report['passes'] = dict(
        default=kernel_passes(16, 'cpu'),
        no_gradient=kernel_passes(16, 'cpu', with_weighted=False),
        topk=kernel_passes(16, 'cpu', topk=2),
        double=kernel_passes(16, 'cpu', dtype=torch.float64),
        cold=kernel_passes(16, 'cpu', temperature=0.01),
    )
    print(json.dumps(report))


if __name__ == '__main__':
    main()
