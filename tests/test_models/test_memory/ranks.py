"""Steps of a centroid memory on one process or several, left off and resumed."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.losses import CentroidLoss
from dynamix.models.memory import CentroidMemory

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


def both_ways(
    rank: int, world_size: int, numbers: list[int], state: dict | None = None
) -> list[dict[str, Any]]:
    """:func:`steps`, unsharded and sharded."""
    return [steps(rank, world_size, numbers, state, way) for way in (False, True)]
