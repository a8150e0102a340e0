from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dynamix.models.memory import CentroidMemory

NAN = float('nan')


def unit(batch: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dim, generator=generator), dim=1)


def filled(count: int, dim: int, dtype: str = 'float32') -> CentroidMemory:
    memory = CentroidMemory(count, dim, momentum=0.3, dtype=dtype)
    memory.set(torch.arange(count), unit(count, dim, 1))
    return memory


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(-1, 5), max_size=12),
    momentum=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_update_and_initialize_against_a_loop(
    labels: list[int], momentum: float, seed: int
) -> None:
    """Centroids 0, 2 and 5 are known; some embeddings are not finite."""
    embeddings, label = unit(len(labels), 4, seed), torch.tensor(labels).long()
    embeddings[torch.arange(len(labels)) % 4 == 3] = NAN
    for first_visit in (False, True):
        memory = CentroidMemory(6, 4, momentum)
        memory.set(torch.tensor([0, 2, 5]), unit(3, 4, 1))
        expected, valid = memory.centroids.clone(), memory.valid.clone()
        for y in range(6):
            mine = embeddings[(label == y) & embeddings.isfinite().all(dim=1)]
            if not len(mine) or (first_visit and valid[y]):
                continue
            mean = mine.mean(dim=0)
            if valid[y]:
                mean = momentum * expected[y] + (1 - momentum) * mean
            expected[y], valid[y] = F.normalize(mean, dim=0), True
        (memory.initialize if first_visit else memory.update)(embeddings, label)
        torch.testing.assert_close(memory.centroids, expected)
        assert torch.equal(memory.valid, valid)


def test_embeddings_that_cancel_out_change_nothing() -> None:
    memory, opposite = CentroidMemory(2, 2), torch.tensor([[1.0, 0], [-1.0, 0]])
    memory.update(opposite, torch.tensor([1, 1]))
    assert not memory.valid.any()
    memory.set(torch.tensor([1]), torch.tensor([[0.0, 1.0]]))
    memory.momentum = 0.0
    memory.update(opposite, torch.tensor([1, 1]))
    assert memory.centroids[1].tolist() == [0, 1]
    assert memory.valid.tolist() == [False, True]


def test_set_and_clear() -> None:
    memory = filled(5, 4)
    kept = memory.centroids[[0, 4]].clone()
    vectors = torch.stack([3 * unit(1, 4)[0], torch.zeros(4), torch.full((4,), NAN)])
    memory.set(torch.tensor([2, 1, 3]), vectors)
    torch.testing.assert_close(memory.centroids[2], unit(1, 4)[0])
    assert torch.equal(memory.centroids[[0, 4]], kept)
    assert memory.centroids.isfinite().all()
    assert memory.valid.tolist() == [True, False, True, False, True]
    memory.clear(torch.tensor([0, 2]))
    assert memory.valid.tolist() == [False] * 4 + [True]
    memory.initialize(unit(1, 4, 7), torch.tensor([0]))
    torch.testing.assert_close(memory.centroids[0], unit(1, 4, 7)[0])


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision_storage(dtype: str) -> None:
    memory, reference = filled(5, 16, dtype), filled(5, 16)
    for seed in range(5):
        for one in (memory, reference):
            one.update(unit(8, 16, seed), torch.arange(8) % 5)
    assert memory.centroids.dtype == getattr(torch, dtype)
    torch.testing.assert_close(
        memory.centroids.float(), reference.centroids, rtol=0, atol=0.01
    )


class Reads(TorchDispatchMode):
    """Which operations were given a tensor of so many rows."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.names = rows, set[str]()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if any(isinstance(a, Tensor) and a.dim() and len(a) == self.rows for a in args):
            self.names.add(func._schema.name)
        return func(*args, **(kwargs or {}))


def test_the_cost_of_an_update_does_not_depend_on_the_number_of_centroids() -> None:
    memory = CentroidMemory(1000, 16)
    with Reads(1000) as reads:
        memory.update(unit(64, 16), torch.arange(64) % 7)
    assert reads.names == {'aten::index', 'aten::index_put_'}


def test_resize() -> None:
    memory = filled(3, 4)
    before = memory.centroids.clone()
    memory.resize(5)
    assert torch.equal(memory.centroids[:3], before)
    assert memory.valid.tolist() == [True] * 3 + [False] * 2
    memory.resize(2)
    assert len(memory) == 2
    assert torch.equal(memory.centroids, before[:2])


def test_checkpoints_of_another_size() -> None:
    source, target, empty = filled(5, 4), CentroidMemory(3, 4), CentroidMemory(0, 4)
    target.load_state_dict(source.state_dict())
    assert torch.equal(target.centroids, source.centroids)
    assert torch.equal(target.valid, source.valid)
    empty.load_state_dict(source.state_dict())
    assert len(empty) == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(momentum=1.5), r'momentum must lie in \[0, 1\], but got 1.5'),
        (dict(dtype='int8'), 'dtype must name a floating-point type'),
        (dict(dtype='bfloat'), "'bfloat'"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CentroidMemory(3, 4, **options)
