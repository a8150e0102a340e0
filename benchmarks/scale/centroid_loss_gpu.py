"""The GPU rows of the centroid benchmark; on a CPU they can be rehearsed."""

from __future__ import annotations

import statistics
from functools import partial

import numpy as np
import torch
from centroid_work import (
    Work,
    compare,
    cut_cross_entropy,
    make,
    partial_fc,
    plain,
    slope,
    streamed,
)
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

import dynamix.models  # noqa: F401
from dynamix.registry import MODELS
from dynamix.structures import IdentityTable, ReIDDataSample

CONFIG = 'configs/_base_/models/vit-b.py'


def limits(device: str, scale: int) -> tuple[float, float]:
    """Bytes a second of a copy, both ways; operations a second of a product."""
    big = torch.empty(scale * 2**17, dtype=torch.uint8, device=device)
    other = torch.empty_like(big)
    copied = min(compare({'copy': partial(other.copy_, big)}, 10, device)['copy'])
    square = torch.randn(scale, scale, device=device, dtype=torch.bfloat16)
    work: Work = {'mm': partial(torch.mm, square, square)}
    multiplied = min(compare(work, 10, device)['mm'])
    return 2 * big.numel() / copied, 2 * scale**3 / multiplied


def peers(data: tuple[Tensor, Tensor, Tensor], chunks: list[int]) -> Work:
    work: Work = {
        '**streamed**, PyTorch': partial(streamed, *data),
        '**streamed**, Triton': partial(streamed, *data, backend='triton'),
    }
    for chunk in chunks:
        work[f'streamed, Triton, chunks of {chunk}'] = partial(
            streamed, *data, chunk, backend='triton'
        )
    work['plain PyTorch cross-entropy'] = partial(plain, *data)
    work["Partial FC's formulation, 10 %"] = partial(partial_fc, *data, 0.1)
    work['`cut-cross-entropy`'] = partial(cut_cross_entropy, *data)
    return work


def report_gpu(
    batch: int, dim: int, rounds: int, sizes: list[int], chunks: list[int], device: str
) -> None:
    """Time and memory of all at growing sizes, beside the physical limits."""
    on_gpu = device == 'cuda'
    name = torch.cuda.get_device_name() if on_gpu else 'rehearsal on a CPU'
    bandwidth, rate = limits(device, 8192 if on_gpu else 512)
    print(
        f'\n{name}, bfloat16, B = {batch}, D = {dim}, {rounds} rounds; copy '
        f'{bandwidth / 1e12:.2f} TB/s, products {rate / 1e12:.0f} TFLOP/s\n'
    )
    print('| C | what | ms, median (range) | over the limit | extra MiB | loss |')
    print('| --- | --- | --- | --- | --- | --- |')
    seconds: dict[str, list[tuple[int, float]]] = {}
    for count in sizes:
        data = make(batch, dim, count, device, torch.bfloat16)
        twice = 2 * data[1].nbytes / bandwidth
        multiply = 4 * batch * dim * count / rate
        limit = max(twice, multiply)
        print(f'| {count} | limit: memory read twice | {twice * 1000:.2f} | | | |')
        print(f'| {count} | limit: two products | {multiply * 1000:.2f} | | | |')
        for what, function in peers(data, chunks).items():
            try:
                row, median = _row(function, rounds, device)
            except Exception as error:  # Whatever a peer dies of is its row.
                data[0].grad = None
                reason = f'{type(error).__name__}: {error}'.splitlines()[0][:70]
                if isinstance(error, torch.OutOfMemoryError):
                    reason = 'out of memory'
                print(f'| {count} | {what} | did not run: {reason} | | | |')
                continue
            seconds.setdefault(what, []).append((count, median))
            time, memory, loss = row
            print(
                f'| {count} | {what} | {time} | {median / limit:.2f} | {memory} | '
                f'{loss:.4f} |'
            )
        del data
    for what, found in seconds.items():
        if len(found) > 1:
            print(f'\n{what}: time grows as C ** {slope(*map(list, zip(*found))):.2f}')


def _row(
    function: partial, rounds: int, device: str
) -> tuple[tuple[str, str, float], float]:
    held = 0
    if device == 'cuda':
        torch.cuda.empty_cache()
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    loss = float(function())
    spent = compare({'x': function}, rounds, device)['x']
    median = statistics.median(spent)
    memory = '-'
    if device == 'cuda':
        memory = f'{(torch.cuda.max_memory_allocated() - held) / 2**20:.0f}'
    time = f'{median * 1e3:.2f} ({min(spent) * 1e3:.2f} to {max(spent) * 1e3:.2f})'
    return (time, memory, loss), median


def report_vit(num_identities: int, batch: int, device: str) -> None:
    """Steps of a ViT-B with a bfloat16 memory of so many identities beside it."""
    init_default_scope('dynamix')
    cfg = Config.fromfile(CONFIG).model
    cfg.head.memory.update(dtype='bfloat16')
    model = MODELS.build(cfg)
    model.train()
    # Four images each of some multi-camera identities, the others with one.
    identity = np.concatenate([np.arange(8).repeat(4), np.arange(8, num_identities)])
    camera = np.arange(len(identity)) % 4
    model.head.bind(IdentityTable(identity, 32, 8), camera)
    model = model.to(device)
    optimizer = torch.optim.AdamW(model.encoder.parameters(), lr=1e-4)
    samples = [ReIDDataSample(metainfo=dict(image_index=i)) for i in range(batch)]
    views = [torch.randn(batch, 3, 256, 128, device=device) for _ in range(2)]
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        with torch.autocast(device, torch.bfloat16):
            losses = model(views, samples, mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    memory = model.head.memory.centroids
    peak = 'not measured on a CPU'
    if device == 'cuda':
        peak = f'{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB'
    print(
        f'\nViT-B/16, bfloat16, AdamW, {batch} images of 256 x 128, {len(memory)} '
        f'identities: memory of centroids {memory.nbytes / 2**30:.2f} GiB, most in '
        f'training {peak}, loss of the centroids '
        f'{losses["loss_centroid"].item():.3f}'
    )
