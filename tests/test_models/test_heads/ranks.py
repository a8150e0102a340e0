"""Steps of the head on one process or on several."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.distributed as torch_dist
from torch import Tensor, nn

from dynamix.models.heads import CentroidMemoryHead
from dynamix.structures import IdentityTable, ReIDDataSample

DIM = 6
ALL_LOSSES = dict(instance={}, augmentation={}, centroid={}, camera_centroid={})
# Two multi-camera identities with three cameras, three tracklets, two dropped.
IDENTITY = np.array([0, 0, 0, 0, 1, 1, 1, -1, 2, 2, 2, 3, 3, 4, 4, -1])
CAMERA = np.array([0, 0, 1, 2, 0, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3])
# Rank 0 gets all the dropped ones: anchors are spread unevenly.
BATCHES = [
    [7, 15, -1, 0, 1, 8, 2, 4, 5, 6, 12, 13],
    [3, 15, -1, 8, 9, 10, 11, 12, 0, 4, 14, 13],
    [2, 15, 1, 8, 9, 10, 11, 12, 7, 4, 14, 13],
]
AFTER = np.array([2, 2, 6, 2, 2, 5, 5, -1])


def make_head(
    losses: dict | None = None, scene: np.ndarray | None = None, **memory: Any
) -> CentroidMemoryHead:
    memory = dict(momentum=0.3, dtype='float64') | memory
    head = CentroidMemoryHead(DIM, memory=memory, losses=losses)
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA, scene)
    return head


def samples(index: list[int]) -> list[ReIDDataSample]:
    return [ReIDDataSample(metainfo=dict(image_index=i)) for i in index]


def draw(batch: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, DIM, generator=generator, dtype=torch.float64)


def steps(rank: int, world_size: int, fraction: float) -> dict[str, Any]:
    """Steps with this rank's part of the joint batches, a window opened between."""
    head = make_head(dict(ALL_LOSSES, centroid=dict(negative_fraction=fraction)))
    torch.manual_seed(0)
    encoder = nn.Linear(DIM, DIM, bias=False).double()
    momentum_encoder = nn.Linear(DIM, DIM, bias=False).double()
    images = torch.randn(len(IDENTITY) + 1, DIM, dtype=torch.float64)
    values, gradients = [], []
    for number, batch in enumerate(BATCHES):
        if number == 2:
            head._identity_table.set(np.arange(8, 16), AFTER)
            head.set_centroids(AFTER, draw(8), clear=IDENTITY[8:])
        part = len(batch) // world_size
        mine = batch[rank * part : (rank + 1) * part]
        pixels = images[mine]
        with torch.no_grad():
            keys = momentum_encoder(pixels)
            again = momentum_encoder(pixels.flip(1)) if number == 1 else None
        named = head.loss(encoder(pixels), keys, samples(mine), again)
        encoder.zero_grad()
        torch.stack(list(named.values())).sum().backward()
        gradient = encoder.weight.grad.clone()
        if world_size > 1:
            torch_dist.all_reduce(gradient)
        values.append({name: value.item() for name, value in named.items()})
        gradients.append(gradient / world_size)
    return dict(losses=values, gradients=gradients, state=head.state_dict())
