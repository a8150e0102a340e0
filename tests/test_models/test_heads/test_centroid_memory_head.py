from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine import dist
from torch import Tensor

from dynamix.models.heads import CentroidMemoryHead
from dynamix.models.heads.centroid_memory_head import DEFAULT_LOSSES
from dynamix.registry import MODELS
from dynamix.structures import IdentityTable, ReIDDataSample

from .two_ranks import CAMERA, DIM, IDENTITY, make_head

# Images of two multi-camera and two single-camera identities.
EIGHT = [0, 2, 3, 4, 5, 8, 9, 11]


def samples(index: list[int]) -> list[ReIDDataSample]:
    return [ReIDDataSample(metainfo=dict(image_index=i)) for i in index]


def draw(batch: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, DIM, generator=generator, dtype=torch.float64)


class Bank:
    embedding = np.random.default_rng(0).normal(size=(8, DIM)).astype(np.float32)
    visited = np.ones(8, dtype=bool)


def gradient(losses: dict[str, Tensor], features: Tensor) -> Tensor:
    """Of the sum of all losses."""
    return torch.autograd.grad(torch.stack([*losses.values()]).sum(), features)[0]


def table_of(head: CentroidMemoryHead) -> IdentityTable:
    return head._identity_table


def test_named_losses_and_weights() -> None:
    head = make_head()
    features, keys = draw(8).requires_grad_(), draw(8, 1)
    losses = head.loss(features, keys, samples(EIGHT))
    assert set(losses) == {
        'loss_instance',
        'loss_augmentation',
        'loss_centroid',
        'loss_camera_centroid',
    }
    label = torch.from_numpy(IDENTITY[EIGHT])
    centroids = torch.stack(
        [
            F.normalize(F.normalize(keys, dim=1)[label == y].mean(dim=0), dim=0)
            for y in range(4)
        ]
    )
    logits = F.normalize(features, dim=1) @ centroids.t() / 0.5
    expected = F.cross_entropy(logits, label.long())
    torch.testing.assert_close(losses['loss_centroid'], expected)
    assert gradient(losses, features).abs().sum(dim=1).gt(0).all()


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match=r"`head\.memory` has no key 'size'"):
        CentroidMemoryHead(DIM, memory=dict(size=3))
    for cfg in (dict(type='TripletLoss'), None):
        with pytest.raises(TypeError, match=r"`head\.losses` has no key 'triplet'"):
            CentroidMemoryHead(DIM, losses=dict(triplet=cfg, instance={}))
    for losses in ({}, dict(instance=None)):
        with pytest.raises(ValueError, match=r'`head\.losses` must have some of inst'):
            CentroidMemoryHead(DIM, losses=losses)
    with pytest.raises(ValueError, match='each of the 16 images'):
        CentroidMemoryHead(DIM).bind(IdentityTable(IDENTITY, 8, 2), CAMERA[:3])
    features = torch.rand(2, DIM + 1)
    with pytest.raises(ValueError, match=rf'is {DIM}, but .* \(2, {DIM + 1}\)'):
        make_head().loss(features, features, samples([0, 2]))


def test_images_augmented_again_are_the_keys_of_the_instance_loss_alone() -> None:
    features, keys, again = draw(8), draw(8, 1), draw(8, 2)
    plain, other, swapped = make_head(), make_head(), make_head()
    without = plain.loss(features, keys, samples(EIGHT))
    found = other.loss(features, keys, samples(EIGHT), again)
    expected = swapped.loss(features, again, samples(EIGHT))['loss_instance']
    torch.testing.assert_close(found.pop('loss_instance'), expected)
    assert without.pop('loss_instance') != expected
    for name, value in found.items():
        torch.testing.assert_close(value, without[name])
    for key, value in plain.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key


def test_images_of_nobody_take_part_in_nothing() -> None:
    known, unknown = [0, 2, 3, 5, 8, 11], [7, 15, -1]
    features, keys = draw(9).requires_grad_(), draw(9, 1)
    alone, mixed = make_head(), make_head()
    expected = alone.loss(features[:6], keys[:6], samples(known))
    losses = mixed.loss(features, keys, samples(known + unknown))
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name])
    assert not gradient(losses, features)[6:].any()
    for key, value in alone.state_dict().items():
        assert torch.equal(mixed.state_dict()[key], value), key


def test_a_batch_of_nobody_has_a_loss_of_zero() -> None:
    features = draw(3).requires_grad_()
    head = make_head()
    losses = head.loss(features, draw(3, 1), samples([7, -1, 15]))
    assert {v.item() for v in losses.values()} == {0}
    assert not gradient(losses, features).any()
    assert not head.memory.initialized.any()


def test_single_camera_images_have_no_camera_centroid() -> None:
    head = make_head()
    losses = head.loss(draw(4), draw(4, 1), samples([8, 9, 11, 12]))
    assert losses['loss_camera_centroid'] == 0
    assert not head.camera_memory.initialized.any()


def test_losses_see_the_centroids_before_the_update() -> None:
    head = make_head()
    index = [0, 2, 4, 5]
    head.loss(draw(4), draw(4, 1), samples(index))
    before = head.memory.centroids.clone()
    features, keys = draw(4, 2), draw(4, 3)
    losses = head.loss(features, keys, samples(index))
    logits = F.normalize(features, dim=1) @ before[:2].t() / 0.5
    expected = F.cross_entropy(logits, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(losses['loss_centroid'], expected)
    mean = F.normalize(keys, dim=1)[:2].mean(dim=0)
    torch.testing.assert_close(
        head.memory.centroids[0], F.normalize(0.3 * before[0] + 0.7 * mean, dim=0)
    )


def test_order_of_the_batch_changes_no_bit_of_the_memories() -> None:
    index = [0, 1, 2, 3, 4, 5, 8, 9]
    order = torch.randperm(8)
    keys = draw(8, 1)
    one, other = make_head(), make_head()
    one.loss(draw(8), keys, samples(index))
    other.loss(draw(8)[order], keys[order], samples([index[i] for i in order]))
    for key, value in one.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key


def test_a_relabeling_counts_at_once() -> None:
    head = make_head()
    index = [8, 9, 11, 13]
    head.loss(draw(4), draw(4, 1), samples(index))
    table = table_of(head)
    before = table.identity[table.single_camera].copy()
    after = np.array([2, 2, 2, 2, 2, 5, 6, -1])
    table.relabel(after)
    head.follow_relabeling(before, after, Bank())
    assert len(head.memory) == 7
    assert head.memory.initialized.tolist() == [False, False, True] + [False] * 2 + [
        True,
        True,
    ]
    losses = head.loss(draw(4), draw(4, 2), samples(index))
    assert losses['loss_centroid'] > 0


def test_identities_of_a_table_that_grew_have_room() -> None:
    head = make_head()
    table_of(head).relabel(np.full(8, 9))
    head.loss(draw(2), draw(2, 1), samples([0, 12]))
    assert len(head.memory) == 10


def test_last_batch() -> None:
    head = make_head()
    with pytest.raises(RuntimeError, match=r'after head\.loss'):
        _ = head.last_batch
    keys = draw(3, 1).requires_grad_()
    head.loss(draw(3), keys, samples([4, -1, 9]))
    index, embeddings = head.last_batch
    assert index.dtype == torch.int64
    assert index.tolist() == [4, -1, 9]
    torch.testing.assert_close(embeddings, F.normalize(keys.detach(), dim=1))
    assert not embeddings.requires_grad


def test_what_ranks_exchange_is_contiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanged = []
    gather = dist.all_gather
    monkeypatch.setattr(
        dist, 'all_gather', lambda x, *rest: (exchanged.append(x), gather(x, *rest))[1]
    )
    losses = copy.deepcopy(DEFAULT_LOSSES)
    losses['centroid']['negative_fraction'] = 0.5
    head = CentroidMemoryHead(DIM, losses=losses)
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA)
    head.loss(draw(3), draw(3, 1), samples([4, 8, 9]))
    assert len(exchanged) == 3
    assert all(x.is_contiguous() for x in exchanged)


def test_losses_can_be_left_out() -> None:
    head = MODELS.build(
        dict(
            type='CentroidMemoryHead',
            in_channels=DIM,
            losses=dict(instance=dict(temperature=0.3), centroid=None),
        )
    )
    assert type(head.losses['instance']).__name__ == 'InstanceLoss'
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA)
    losses = head.loss(draw(3), draw(3, 1), samples([4, 8, 9]))
    assert set(losses) == {'loss_instance'}
    assert not any('memory' in key for key in head.state_dict())
    head.follow_relabeling(IDENTITY[8:], IDENTITY[8:], Bank())


def test_no_multi_camera_data() -> None:
    head = CentroidMemoryHead(DIM)
    head.bind(IdentityTable(IDENTITY[8:] - 2 * (IDENTITY[8:] > 0), 0, 0), CAMERA[8:])
    losses = head.loss(draw(3).requires_grad_(), draw(3, 1), samples([0, 3, 4]))
    assert losses['loss_camera_centroid'] == 0
    assert losses['loss_centroid'] > 0


def test_not_bound() -> None:
    with pytest.raises(RuntimeError, match='IdentityTableHook'):
        CentroidMemoryHead(DIM).loss(draw(1), draw(1), samples([0]))


def trained() -> CentroidMemoryHead:
    head = make_head()
    head.loss(draw(8), draw(8, 1), samples(EIGHT))
    return head


def test_checkpoint_of_the_same_data() -> None:
    source, target = trained(), make_head()
    table_of(source).relabel(np.full(8, 9))
    source.loss(draw(2), draw(2, 1), samples([0, 12]))
    target.load_state_dict(source.state_dict())
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value), key


def test_a_head_without_data_passes_over_the_memories_of_a_checkpoint() -> None:
    head = CentroidMemoryHead(DIM)
    head.load_state_dict(trained().state_dict())
    assert len(head.memory) == 0
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA)
    assert len(head.memory) == 5


def test_binding_again() -> None:
    head = trained()
    head.bind(table_of(head), CAMERA)
    assert head.memory.initialized.any()
    head.bind(IdentityTable(IDENTITY[::-1][8:], 0, 0), CAMERA[8:])
    assert not head.memory.initialized.any()


def test_autocast() -> None:
    head = CentroidMemoryHead(DIM, memory=dict(dtype='bfloat16'))
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA)
    features = draw(8).to(torch.bfloat16).requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.loss(features, draw(8, 1).bfloat16(), samples(EIGHT))
    assert all(value.dtype == torch.float32 for value in losses.values())
    assert gradient(losses, features).isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_gpu_agrees_with_cpu_and_is_never_waited_for() -> None:
    host, device = make_head(), make_head().cuda()
    for seed in range(2):
        features, keys = draw(8, seed), draw(8, seed + 9)
        expected = host.loss(features, keys, samples(EIGHT))
        there = features.cuda().requires_grad_()
        keys = keys.cuda()
        torch.cuda.set_sync_debug_mode('error')
        try:
            losses = device.loss(there, keys, samples(EIGHT))
            gradient(losses, there)
        finally:
            torch.cuda.set_sync_debug_mode('default')
        for name, value in losses.items():
            torch.testing.assert_close(value.cpu(), expected[name])
