"""Steps of a centroid memory on one process or several, left off and resumed."""

from __future__ import annotations

import os
import socket
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.losses import CentroidLoss
from dynamix.models.memory import CentroidMemory
from tests.strict_collectives import refuse_strided

DIM, COUNT, BATCH, STEPS = 5, 41, 12, 4
LOSSES: dict[str, dict[str, Any]] = {
    'exact': {},
    'smoothing': dict(label_smoothing=0.1),
    'one_hard': dict(num_hard_negatives=1),
    'some_hard': dict(num_hard_negatives=9),
    'more_hard_than_there_are': dict(num_hard_negatives=1000),
    'sampled': dict(negative_fraction=0.3, sample_seed=3),
    'few_sampled': dict(negative_fraction=0.03),
}
STORAGE = {'exact': 'float64', 'some_hard': 'bfloat16', 'sampled': 'float16'}


def batch_of(step: int) -> tuple[Tensor, Tensor]:
    """The joint batch: ``[BATCH, DIM]`` unit vectors and labels, some -1."""
    generator = torch.Generator().manual_seed(step)
    vectors = torch.randn(BATCH, DIM, generator=generator, dtype=torch.float64)
    labels = torch.randint(-1, COUNT, (BATCH,), generator=generator)
    labels[1], labels[-1] = labels[0], 4
    return F.normalize(vectors, dim=1), labels


def build(name: str, sharded: bool) -> tuple[CentroidLoss, CentroidMemory]:
    memory = CentroidMemory(
        COUNT,
        DIM,
        momentum=0.3,
        dtype=STORAGE.get(name, 'float64'),
        chunk_size=4,
        sharded=sharded,
    )
    return CentroidLoss(temperature=0.2, **LOSSES[name]), memory


def steps(
    rank: int, world_size: int, numbers: list[int], state: dict | None, sharded: bool
) -> dict[str, Any]:
    """Runs some steps of each loss with a memory of its own.

    Returns:
        dict[str, Any]: By name of the loss: losses and gradients of this rank's
        anchors in each step, and a checkpoint.
    """
    results: dict[str, Any] = {}
    part = BATCH // world_size
    mine = slice(rank * part, (rank + 1) * part)
    for name in LOSSES:
        loss, memory = build(name, sharded)
        if state is not None:
            loss.load_state_dict(dict(state[name]['state'][0]))
            memory.load_state_dict(dict(state[name]['state'][1]))
        values, gradients = [], []
        for number in numbers:
            vectors, labels = batch_of(number)
            if number == 0:
                # Some of the memory has never been visited.
                known = F.normalize(batch_of(99)[0] + 1, dim=1)
                memory.initialize(known, torch.arange(BATCH) * 2)
                memory.initialize(known.flip(0), torch.arange(BATCH) + 25)
            memory.initialize(vectors, labels)
            anchors = vectors[mine].flip(1).requires_grad_()
            value, _ = loss(anchors, labels[mine], memory)
            value.sum().backward()
            values.append(value.detach())
            gradients.append(anchors.grad)
            memory.update(vectors, labels)
        memory.gather()
        results[name] = dict(
            values=values,
            gradients=gradients,
            state=(loss.state_dict(), memory.state_dict()),
        )
    return results


def _worker(
    rank: int,
    world_size: int,
    port: int,
    folder: str,
    numbers: list[int],
    state: dict | None,
) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch_dist.init_process_group('gloo', rank=rank, world_size=world_size)
    refuse_strided()
    results = [
        steps(rank, world_size, numbers, state, sharded) for sharded in (False, True)
    ]
    torch.save(results, Path(folder) / f'{rank}.pt')
    torch_dist.destroy_process_group()


def run_ranks(
    world_size: int, folder: Path, numbers: list[int], state: dict | None = None
) -> list[list[dict[str, Any]]]:
    """Runs :func:`steps` on gloo processes.

    Returns:
        list[list[dict[str, Any]]]: For each rank: unsharded, sharded.
    """
    if world_size == 1:
        return [[steps(0, 1, numbers, state, sharded) for sharded in (False, True)]]
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    # A server that has imported everything forks the ranks: no import for each.
    get_context('forkserver').set_forkserver_preload([__name__])
    mp.start_processes(
        _worker,
        (world_size, port, str(folder), numbers, state),
        nprocs=world_size,
        start_method='forkserver',
    )
    return [torch.load(folder / f'{rank}.pt') for rank in range(world_size)]
