from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.memory import CentroidMemory


def unit(batch: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dim, generator=generator), dim=1)


def filled(
    count: int, dim: int, dtype: str = 'float32', seed: int = 1
) -> CentroidMemory:
    memory = CentroidMemory(count, dim, momentum=0.3, dtype=dtype)
    memory.initialize(unit(count, dim, seed), torch.arange(count))
    return memory


def test_update_against_a_loop() -> None:
    memory = CentroidMemory(6, 4, momentum=0.3)
    memory.initialize(unit(3, 4, 1), torch.tensor([0, 2, 5]))
    embeddings = unit(8, 4)
    labels = torch.tensor([2, -1, 0, 2, 3, 2, -1, 0])
    expected, known = memory.centroids.clone(), memory.initialized.clone()
    memory.update(embeddings, labels)
    for label in (0, 2, 3):
        mean = embeddings[labels == label].mean(dim=0)
        old = expected[label]
        blend = 0.3 * old + 0.7 * mean if known[label] else mean
        expected[label] = F.normalize(blend, dim=0)
    torch.testing.assert_close(memory.centroids, expected)
    assert memory.initialized.tolist() == [True, False, True, True, False, True]


def test_order_of_the_batch_changes_no_bit() -> None:
    embeddings, labels = unit(64, 16), torch.arange(64) % 5
    order = torch.randperm(64)
    one, other = filled(5, 16), filled(5, 16)
    one.update(embeddings, labels)
    other.update(embeddings[order], labels[order])
    assert torch.equal(one.centroids, other.centroids)


def test_initialize_touches_no_centroid_that_has_a_value() -> None:
    memory = CentroidMemory(3, 4)
    first = unit(3, 4)
    memory.initialize(first, torch.tensor([1, 1, -1]))
    mean = F.normalize(first[:2].mean(dim=0), dim=0)
    torch.testing.assert_close(memory.centroids[1], mean)
    before = memory.centroids[1].clone()
    memory.initialize(unit(3, 4, 2), torch.tensor([1, 0, 1]))
    assert torch.equal(memory.centroids[1], before)
    assert memory.initialized.tolist() == [True, True, False]


def test_a_batch_of_nobody_changes_nothing() -> None:
    memory = filled(3, 4)
    before = memory.centroids.clone()
    memory.update(unit(2, 4), torch.tensor([-1, -1]))
    memory.update(torch.full((2, 4), float('nan')), torch.tensor([0, 1]))
    memory.update(
        torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]), torch.tensor([-1, 2])
    )
    assert torch.equal(memory.centroids[:2], before[:2])
    assert not torch.equal(memory.centroids[2], before[2])


def test_embeddings_that_cancel_out_leave_an_identity_uninitialised() -> None:
    memory = CentroidMemory(2, 2)
    memory.initialize(torch.tensor([[1.0, 0], [-1.0, 0]]), torch.tensor([1, 1]))
    assert not memory.initialized.any()


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision_storage(dtype: str) -> None:
    memory, reference = filled(5, 16, dtype), filled(5, 16)
    for seed in range(5):
        embeddings, labels = unit(8, 16, seed), torch.arange(8) % 5
        memory.update(embeddings, labels)
        reference.update(embeddings, labels)
    assert memory.centroids.dtype == getattr(torch, dtype)
    torch.testing.assert_close(
        memory.centroids.float(), reference.centroids, rtol=0, atol=0.01
    )


def test_not_initialised_centroids_are_in_no_softmax() -> None:
    memory = CentroidMemory(4, 3)
    memory.initialize(unit(2, 3), torch.tensor([0, 3]))
    features, labels = unit(3, 3, 5), torch.tensor([3, 1, -1])
    loss, valid = memory.softmax_loss(features, labels, 0.5)
    logits = features @ memory.centroids[[0, 3]].t() / 0.5
    assert loss[0].item() == pytest.approx(
        F.cross_entropy(logits[:1], torch.tensor([1])).item(), rel=1e-5
    )
    assert loss[1:].tolist() == [0, 0]
    assert valid.tolist() == [True, False, False]
    pairs = torch.tensor([[1, 3], [1, -1], [-1, -1]])
    _, valid = memory.softmax_loss(features, pairs, 0.5)
    assert valid.tolist() == [True, False, False]


def test_resize() -> None:
    memory = filled(3, 4)
    before = memory.centroids.clone()
    memory.resize(5)
    assert torch.equal(memory.centroids[:3], before)
    assert memory.initialized.tolist() == [True] * 3 + [False] * 2
    memory.resize(2)
    assert len(memory) == 2
    assert torch.equal(memory.centroids, before[:2])


def test_checkpoint_of_another_size_is_adopted() -> None:
    source, target = filled(5, 4), CentroidMemory(3, 4)
    target.load_state_dict(source.state_dict())
    assert torch.equal(target.centroids, source.centroids)
    assert torch.equal(target.initialized, source.initialized)


def test_empty_memory_passes_over_a_checkpoint() -> None:
    empty = CentroidMemory(0, 4)
    empty.load_state_dict(filled(5, 4).state_dict())
    assert len(empty) == 0
    memory = filled(5, 4)
    memory.load_state_dict(empty.state_dict())
    assert memory.initialized.all()


def test_checkpoint_of_another_embedding_length() -> None:
    state = {f'head.memory.{k}': v for k, v in filled(5, 4).state_dict().items()}
    model = torch.nn.ModuleDict(dict(head=torch.nn.Module()))
    model['head'].memory = CentroidMemory(5, 8)
    with pytest.raises(ValueError, match=r"'head\.memory\.centroids'.* 4, .* 8"):
        model.load_state_dict(state)


class Bank:
    def __init__(self, count: int, dim: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        embedding = rng.normal(size=(count, dim))
        embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
        self.embedding = embedding.astype(np.float16)
        self.visited = rng.random(count) < 0.8


def slow_relabeling(
    memory: CentroidMemory, before: np.ndarray, after: np.ndarray, bank: Bank
) -> tuple[list[Tensor], list[bool]]:
    """One identity at a time, in the words of the docstring."""
    centroids = [c.clone() for c in memory.centroids]
    initialized = memory.initialized.tolist()
    extra = max(after.max(initial=-1) + 1 - len(memory), 0)
    centroids += [torch.zeros(memory.centroids.shape[1])] * extra
    initialized += [False] * extra
    for y in range(len(centroids)):
        mine = after == y
        if not mine.any():
            if (before == y).any():
                centroids[y], initialized[y] = torch.zeros_like(centroids[y]), False
            continue
        sources = {int(b) for b in before[mine] if b >= 0}
        whole = all(set(after[before == s]) <= {y, -1} for s in sources)
        if sources == {y} and whole:
            continue
        total = torch.zeros_like(centroids[y])
        if sources and whole:
            for s in sources:
                if memory.initialized[s]:
                    total = total + (mine & (before == s)).sum() * memory.centroids[s]
        else:
            seen = torch.from_numpy(bank.embedding[mine & bank.visited])
            total = seen.float().sum(dim=0)
        centroids[y] = F.normalize(total, dim=0)
        initialized[y] = bool(total.any())
    return centroids, initialized


@pytest.mark.parametrize('seed', range(20))
def test_follow_relabeling_against_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = np.sort(rng.integers(-1, 12, 60))
    after = before.copy()
    after[after == 3] = 4  # merged
    after[np.isin(after, [6, 7, 8])] = 6
    after[np.flatnonzero(before == 9)[::2]] = 14  # split, with a new number
    after[np.flatnonzero(before == 1)[:1]] = 0  # a part goes elsewhere
    after[before == 11] = 13  # another number
    after[rng.random(60) < 0.1] = -1  # dropped
    revived = np.flatnonzero(before == -1)
    after[revived] = rng.choice([2, 5, 15], len(revived))
    bank = Bank(60, 5, seed)
    memory = CentroidMemory(12, 5)
    known = torch.from_numpy(np.flatnonzero(rng.random(12) < 0.8))
    memory.initialize(unit(len(known), 5, seed), known)
    expected, initialized = slow_relabeling(memory, before, after, bank)
    memory.follow_relabeling(before, after, bank, num_centroids=16)
    for y, centroid in enumerate(expected):
        torch.testing.assert_close(memory.centroids[y], centroid, msg=str(y))
    assert memory.initialized[: len(initialized)].tolist() == initialized
    assert not memory.initialized[len(initialized) :].any()


def test_identities_that_a_relabeling_leaves_alone_keep_their_bits() -> None:
    memory = filled(4, 3)
    before = np.array([0, 0, 1, 1, 2, 3, 3, -1])
    after = np.array([0, -1, 1, 1, 2, 2, 2, 1])
    kept = memory.centroids[:2].clone()
    memory.follow_relabeling(before, after, Bank(8, 3))
    assert torch.equal(memory.centroids[:2], kept)
    assert memory.initialized.tolist() == [True, True, True, False]


def test_follow_relabeling_works_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    before, after = rng.integers(-1, 40, (2, 300))
    after[:150] = before[:150] // 2
    results = []
    for block in (1, 7, 1 << 16):
        monkeypatch.setattr('dynamix.models.memory.follow_relabeling._BLOCK', block)
        memory = filled(40, 5)
        memory.follow_relabeling(before, after, Bank(300, 5))
        results.append(memory.centroids)
    assert torch.equal(results[0], results[2])
    assert torch.equal(results[1], results[2])


def test_follow_relabeling_refuses_what_does_not_fit() -> None:
    memory = filled(4, 3)
    with pytest.raises(ValueError, match='same images'):
        memory.follow_relabeling(np.zeros(4, int), np.zeros(5, int), Bank(4, 3))
    with pytest.raises(ValueError, match='4 embeddings of length 3'):
        memory.follow_relabeling(np.zeros(4, int), np.zeros(4, int), Bank(4, 7))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(momentum=1.5), r'momentum must lie in \[0, 1\], but got 1.5'),
        (dict(dtype='int8'), 'dtype must name a floating-point type'),
        (dict(dtype='bfloat'), "'bfloat'"),
        (dict(chunk_size=0), 'chunk_size must be at least 1'),
        (dict(backend='cuda'), "backend must be one of .*'auto'"),
    ],
)
def test_options_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CentroidMemory(3, 4, **options)
