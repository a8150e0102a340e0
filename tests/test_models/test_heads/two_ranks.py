"""A training step of the head, on one process or on several."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.distributed as torch_dist
from torch import nn

from dynamix.models.heads.centroid_memory_head import (
    DEFAULT_LOSSES,
    CentroidMemoryHead,
)
from dynamix.structures import IdentityTable, ReIDDataSample

DIM = 6
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


class Bank:
    """Embeddings of the single-camera images."""

    embedding = np.random.default_rng(0).normal(size=(8, DIM)).astype(np.float32)
    visited = np.array([True] * 7 + [False])


def make_head(
    sharded: bool = False, label_smoothing: float = 0.0
) -> CentroidMemoryHead:
    losses = copy.deepcopy(DEFAULT_LOSSES)
    losses['centroid']['label_smoothing'] = label_smoothing
    memory = dict(momentum=0.3, dtype='float64', sharded=sharded)
    head = CentroidMemoryHead(DIM, memory=memory, losses=losses)
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA)
    return head


def steps(rank: int, world_size: int, sharded: bool = False) -> dict[str, Any]:
    """Steps with this rank's part of the joint batches, a relabeling between."""
    head = make_head(sharded, label_smoothing=0.1)
    torch.manual_seed(0)
    encoder = nn.Linear(DIM, DIM, bias=False).double()
    momentum_encoder = nn.Linear(DIM, DIM, bias=False).double()
    images = torch.randn(len(IDENTITY) + 1, DIM, dtype=torch.float64)
    losses, gradients = [], []
    for number, batch in enumerate(BATCHES):
        if number == 2:
            head._identity_table.relabel(AFTER)
            head.follow_relabeling(IDENTITY[8:], AFTER, Bank())
        part = len(batch) // world_size
        mine = batch[rank * part : (rank + 1) * part]
        samples = [ReIDDataSample(metainfo=dict(image_index=i)) for i in mine]
        pixels = images[mine]
        with torch.no_grad():
            key = momentum_encoder(pixels)
            again = momentum_encoder(pixels.flip(1)) if number == 1 else None
        named = head.loss(encoder(pixels), key, samples, again)
        encoder.zero_grad()
        torch.stack(list(named.values())).sum().backward()
        gradient = encoder.weight.grad.clone()
        if world_size > 1:
            torch_dist.all_reduce(gradient)
        losses.append({name: value.item() for name, value in named.items()})
        gradients.append(gradient / world_size)
    index, embeddings = head.last_batch
    head.memory.gather()
    state = head.state_dict()
    if sharded and rank == 0:
        # What n ranks saved, any number of ranks can load and save again.
        torch_dist.broadcast_object_list([state])
    elif sharded:
        received = [None]
        torch_dist.broadcast_object_list(received)
        state = received[0]
    resumed = make_head(sharded)
    resumed.load_state_dict(state)
    resumed.memory.gather()
    return dict(
        losses=losses,
        gradients=gradients,
        state=state,
        resumed=resumed.state_dict(),
        part=len(resumed.memory.centroids),
        index=index,
        embeddings=embeddings,
    )


def both_ways(rank: int, world_size: int) -> list[dict[str, Any]]:
    """:func:`steps`, unsharded and sharded."""
    return [steps(rank, world_size, sharded) for sharded in (False, True)]
