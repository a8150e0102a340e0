from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dynamix.models.memory import CentroidMemory


def unit(batch: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dim, generator=generator), dim=1)


class Reads(TorchDispatchMode):
    """Which operations were given a tensor of so many rows, and how much all made."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.names, self.made = rows, set[str](), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        tensors = [a for a in args if isinstance(a, Tensor)]
        if any(a.dim() and len(a) == self.rows for a in tensors):
            self.names.add(func._schema.name)
        elif isinstance(result, Tensor):
            self.made += result.numel()
        return result


@pytest.mark.parametrize('method', ['initialize', 'update'])
def test_cost_does_not_depend_on_the_number_of_centroids(method: str) -> None:
    made = []
    for count in (1000, 50_000):
        memory = CentroidMemory(count, 16)
        labels = torch.arange(64) % 7
        with Reads(count) as reads:
            getattr(memory, method)(unit(64, 16), labels)
        # Rows of the batch are picked and put; nothing looks at the whole.
        assert reads.names == {'aten::index', 'aten::index_put_'}
        made.append(reads.made)
    assert made[0] == made[1] > 0


@settings(max_examples=40, deadline=None)
@given(data=st.data(), momentum=st.sampled_from([0.0, 0.3, 0.99]))
def test_any_order_of_any_batch_gives_the_same_bits(
    data: st.DataObject, momentum: float
) -> None:
    """Also with duplicates, images of nobody and faulty embeddings."""
    labels = torch.tensor(data.draw(st.lists(st.integers(-1, 4), min_size=1)))
    embeddings = unit(len(labels), 3)
    embeddings[labels == 3] = float('nan')
    order = torch.tensor(data.draw(st.permutations(range(len(labels)))))
    dtype = data.draw(st.sampled_from(['float32', 'bfloat16', 'float16']))
    memories = [CentroidMemory(5, 3, momentum, dtype) for _ in range(2)]
    for memory in memories:
        memory.initialize(unit(2, 3, 1), torch.tensor([0, 1]))
    memories[0].update(embeddings, labels)
    memories[1].update(embeddings[order], labels[order])
    assert torch.equal(memories[0].centroids, memories[1].centroids)
    assert torch.equal(memories[0].initialized, memories[1].initialized)
