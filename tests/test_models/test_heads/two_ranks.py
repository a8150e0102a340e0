"""A training step of the head, on one process or on several."""

from __future__ import annotations

import copy
import os
import socket
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from torch import nn

from dynamix.models.heads.centroid_memory_head import (
    DEFAULT_LOSSES,
    CentroidMemoryHead,
)
from dynamix.structures import IdentityTable, ReIDDataSample
from tests.strict_collectives import refuse_strided

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
    head.gather()
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
    resumed.gather()
    return dict(
        losses=losses,
        gradients=gradients,
        state=state,
        resumed=resumed.state_dict(),
        part=len(resumed.memory.centroids),
        index=index,
        embeddings=embeddings,
    )


def _worker(rank: int, world_size: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch_dist.init_process_group('gloo', rank=rank, world_size=world_size)
    refuse_strided()
    results = [steps(rank, world_size), steps(rank, world_size, sharded=True)]
    torch.save(results, Path(folder) / f'{rank}.pt')
    torch_dist.destroy_process_group()


def run_ranks(world_size: int, folder: Path) -> list[list[dict[str, Any]]]:
    """Runs :func:`steps` on gloo processes, unsharded and sharded."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    # A server that has imported everything forks the ranks: no import for each.
    get_context('forkserver').set_forkserver_preload([__name__])
    mp.start_processes(
        _worker,
        (world_size, port, str(folder)),
        nprocs=world_size,
        start_method='forkserver',
    )
    return [torch.load(folder / f'{rank}.pt') for rank in range(world_size)]
