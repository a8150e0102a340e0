from __future__ import annotations

import numpy as np
import pytest
import torch

from dynamix.models.memory import CentroidMemory
from dynamix.models.memory.shard import Shard


@pytest.mark.parametrize('count', [1, 2, 3, 7])
@pytest.mark.parametrize('num_rows', [0, 1, 6, 20])
def test_each_row_lives_on_one_rank(num_rows: int, count: int) -> None:
    rows = np.arange(-1, num_rows)
    homes = np.zeros(len(rows), int)
    for rank in range(count):
        shard = Shard(rank, count)
        local = shard.local(rows)
        assert local[local >= 0].tolist() == list(range(shard.size(num_rows)))
        assert shard.local(torch.from_numpy(rows)).tolist() == local.tolist()
        homes += local >= 0
    assert homes.tolist() == [0] + [1] * num_rows


def test_growing_moves_no_row() -> None:
    small, large = Shard(1, 3).size(7), Shard(1, 3).size(12)
    rows = torch.arange(12)
    local = Shard(1, 3).local(rows)
    assert local[local >= 0].tolist() == list(range(large))
    assert local[:7].max() == small - 1


def test_gather_on_one_rank() -> None:
    part = torch.rand(5, 2, dtype=torch.float64)
    assert torch.equal(Shard().gather(part, 5), part)
    flags = torch.tensor([True, False, True])
    assert torch.equal(Shard().gather(flags, 3), flags)
    half = part.bfloat16()
    assert torch.equal(Shard().gather(half, 5), half)


def test_a_sharded_memory_is_not_saved_in_part() -> None:
    memory = CentroidMemory(5, 4, sharded=True)
    assert len(memory.state_dict()['centroids']) == 5
    memory.shard = Shard(0, 2)
    # Ranks must agree on shapes before training begins: nothing is there to save.
    assert len(memory.state_dict()['centroids']) == 0
    memory.update(torch.eye(4)[:1], torch.zeros(1, dtype=torch.int64))
    with pytest.raises(RuntimeError, match=r'gather\(\)'):
        memory.state_dict()
