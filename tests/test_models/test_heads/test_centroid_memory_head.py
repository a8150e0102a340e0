from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.heads import CentroidMemoryHead
from dynamix.structures import IdentityTable

from .ranks import ALL_LOSSES, CAMERA, DIM, IDENTITY, draw, make_head, samples

# Images of two multi-camera and two single-camera identities.
EIGHT = [0, 2, 3, 4, 5, 8, 9, 11]
LABEL = torch.from_numpy(IDENTITY[EIGHT]).long()


def gradient(losses: dict[str, Tensor], features: Tensor) -> Tensor:
    """Of the sum of all losses."""
    return torch.autograd.grad(torch.stack([*losses.values()]).sum(), features)[0]


def trained() -> CentroidMemoryHead:
    head = make_head()
    head.loss(draw(8), draw(8, 1), samples(EIGHT))
    return head


def assert_equal_state(one: CentroidMemoryHead, other: CentroidMemoryHead) -> None:
    for key, value in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value, msg=key)


def test_losses_have_names_and_see_the_centroids_before_the_update() -> None:
    head = make_head()
    head.loss(draw(8, 4), draw(8, 5), samples(EIGHT))
    before = head.memory.centroids[:4].clone()
    features, keys = draw(8).requires_grad_(), draw(8, 1)
    losses = head.loss(features, keys, samples(EIGHT))
    assert set(losses) == {f'loss_{name}' for name in ALL_LOSSES}
    logits = F.normalize(features, dim=1) @ before.t() / 0.5
    torch.testing.assert_close(losses['loss_centroid'], F.cross_entropy(logits, LABEL))
    assert gradient(losses, features).abs().sum(dim=1).gt(0).all()
    mean = F.normalize(keys, dim=1)[LABEL == 0].mean(dim=0)
    expected = F.normalize(0.3 * before[0] + 0.7 * mean, dim=0)
    torch.testing.assert_close(head.memory.centroids[0], expected)


def test_images_augmented_again_are_the_keys_of_the_instance_loss_alone() -> None:
    features, keys, again = draw(8), draw(8, 1), draw(8, 2)
    plain, other, swapped = make_head(), make_head(), make_head()
    without = plain.loss(features, keys, samples(EIGHT))
    found = other.loss(features, keys, samples(EIGHT), again)
    expected = swapped.loss(features, again, samples(EIGHT))['loss_instance']
    torch.testing.assert_close(found.pop('loss_instance'), expected)
    assert without.pop('loss_instance') != expected
    assert found == without
    assert_equal_state(plain, other)


def test_images_without_identity_take_part_in_nothing() -> None:
    known, unknown = [0, 2, 3, 5, 8, 11], [7, 15, -1]
    features, keys = draw(9).requires_grad_(), draw(9, 1)
    alone, mixed = make_head(), make_head()
    expected = alone.loss(features[:6], keys[:6], samples(known))
    losses = mixed.loss(features, keys, samples(known + unknown))
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name])
    assert not gradient(losses, features)[6:].any()
    assert_equal_state(alone, mixed)
    empty = make_head()
    losses = empty.loss(features[6:], keys[6:], samples(unknown))
    assert {v.item() for v in losses.values()} == {0}
    assert not gradient(losses, features).any()
    assert not empty.memory.valid.any()


@pytest.mark.parametrize('multi_camera', [True, False])
def test_single_camera_images_have_no_camera_centroid(multi_camera: bool) -> None:
    head, first = make_head(), 8
    if not multi_camera:
        head, first = CentroidMemoryHead(DIM), 0
        identity = IDENTITY[8:] - 2 * (IDENTITY[8:] > 0)
        head.bind(IdentityTable(identity, 0, 0), CAMERA[8:])
    features = draw(3).requires_grad_()
    losses = head.loss(features, draw(3, 1), samples([first, first + 3, first + 4]))
    assert losses['loss_camera_centroid'] == 0
    assert losses['loss_centroid'] > 0
    assert gradient(losses, features).isfinite().all()
    assert not head.camera_memory.valid.any()


def test_same_scene_is_the_mean_over_the_scenes_alone() -> None:
    # The labelled images, then a video of one tracklet, one of two, one of one.
    scene = np.array([0] * 8 + [1] * 3 + [1, 1] + [2, 2, 2])
    batch = [0, 2, 4, 5, 8, 9, 11, 12, 13, 14, 15, -1]
    features, keys = draw(len(batch)), draw(len(batch), 1)
    names = ('instance', 'augmentation')
    restricted = {name: dict(negatives='same_scene') for name in names}
    whole = make_head(restricted, scene).loss(features, keys, samples(batch))
    expected, anchors = dict.fromkeys(whole, 0.0), 0
    for number in range(3):
        here = [
            place
            for place, i in enumerate(batch)
            if i >= 0 and IDENTITY[i] >= 0 and scene[i] == number
        ]
        alone = make_head({name: {} for name in names}).loss(
            features[here], keys[here], samples([batch[place] for place in here])
        )
        anchors += len(here)
        for name, value in alone.items():
            expected[name] += value.item() * len(here)
    for name, value in whole.items():
        assert value.item() == pytest.approx(expected[name] / anchors), name


@pytest.mark.parametrize('keep', [True, False])
def test_centroids_of_a_window(keep: bool) -> None:
    head = make_head(keep_earlier_windows=keep)
    head.loss(draw(9), draw(9, 1), samples([*EIGHT, 13]))
    assert head.memory.valid.all()
    before = head.memory.centroids.clone()
    # The window has the images 8 to 12: one is dropped, two get a new number.
    identity = np.array([2, 2, -1, 6, 6])
    table = head._identity_table
    table.set(np.arange(8, 16), np.array([*identity, 4, 4, -1]))
    embedding = F.normalize(draw(5, 7), dim=1)
    embedding[1] = float('nan')
    head.set_centroids(identity, embedding, clear=np.array([2, 2, 2, 3, 3, -1]))
    assert head.memory.valid.tolist() == [True] * 3 + [False, keep, False, True]
    found = head.memory.centroids
    assert torch.equal(found[[0, 1, 4]], before[[0, 1, 4]])
    torch.testing.assert_close(found[2], embedding[0], rtol=1e-6, atol=1e-6)
    expected = F.normalize(embedding[3:].mean(dim=0), dim=0)
    torch.testing.assert_close(found[6], expected, rtol=1e-6, atol=1e-6)
    losses = head.loss(draw(3), draw(3, 2), samples([8, 11, 13]))
    assert losses['loss_centroid'] > 0
    assert head.memory.valid[4]


def test_clearing_no_identity_clears_nothing() -> None:
    head = make_head()
    head.loss(draw(9), draw(9, 1), samples([*EIGHT, 13]))
    head.set_centroids(np.array([-1]), draw(1), clear=np.array([-1, 2]))
    assert head.memory.valid.tolist() == [True, True, False, True, True]


def test_losses_and_memories_can_be_left_out() -> None:
    head = make_head(dict(instance=dict(temperature=0.3), centroid=None))
    found = head.loss(draw(3), draw(3, 1), samples([4, 8, 9]))
    assert set(found) == {'loss_instance'}
    assert not any('memory' in key for key in head.state_dict())
    head.set_centroids(np.zeros(2, int), draw(2))  # no memory, nothing to set


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match=r"`head\.memory` has no key 'size'"):
        CentroidMemoryHead(DIM, memory=dict(size=3))
    for cfg in (dict(type='TripletLoss'), None):
        with pytest.raises(TypeError, match=r"`head\.losses` has no key 'triplet'"):
            CentroidMemoryHead(DIM, losses=dict(triplet=cfg, instance={}))
    for losses in ({}, dict(instance=None)):
        with pytest.raises(ValueError, match=r'`head\.losses` must have some of inst'):
            CentroidMemoryHead(DIM, losses=losses)
    features = torch.rand(2, DIM + 1)
    for call in (
        lambda head, x: head.loss(x, x, samples([0, 2])),
        lambda head, x: head.set_centroids(np.zeros(2, int), x),
    ):
        with pytest.raises(ValueError, match=rf'is {DIM}, but .* \(2, {DIM + 1}\)'):
            call(make_head(), features)
        with pytest.raises(RuntimeError, match='IdentityTableHook'):
            call(CentroidMemoryHead(DIM), features[:, 1:])


def test_checkpoints() -> None:
    source, target, inference = trained(), make_head(), CentroidMemoryHead(DIM)
    source._identity_table.set(np.arange(8, 16), np.full(8, 9))
    source.loss(draw(2), draw(2, 1), samples([0, 12]))
    target.load_state_dict(source.state_dict())
    assert_equal_state(source, target)
    inference.load_state_dict(source.state_dict())
    assert len(inference.memory) == 0


def test_binding_again() -> None:
    head = trained()
    head.bind(head._identity_table, CAMERA)
    assert head.memory.valid.any()
    head.bind(IdentityTable(IDENTITY[::-1][8:], 0, 0), CAMERA[8:])
    assert not head.memory.valid.any()


@pytest.mark.parametrize('storage', ['float32', 'bfloat16'])
def test_autocast_rounds_no_logit_and_no_centroid(storage: str) -> None:
    heads = [make_head(dtype=storage) for _ in range(2)]
    features, keys = draw(8).bfloat16().requires_grad_(), draw(8, 1).bfloat16()
    expected = heads[0].loss(features, keys, samples(EIGHT))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = heads[1].loss(features, keys, samples(EIGHT))
    for name, value in losses.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, expected[name]), name
    assert_equal_state(*heads)
    assert gradient(losses, features).isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_gpu_agrees_with_cpu_and_is_never_waited_for() -> None:
    losses = dict(ALL_LOSSES, centroid=dict(negative_fraction=0.5))
    for head_losses in (None, losses):
        host, device = make_head(head_losses), make_head(head_losses).cuda()
        for seed in range(2):
            features, keys = draw(8, seed), draw(8, seed + 9)
            expected = host.loss(features, keys, samples(EIGHT))
            there = features.cuda().requires_grad_()
            keys = keys.cuda()
            torch.cuda.set_sync_debug_mode('error')
            try:
                found = device.loss(there, keys, samples(EIGHT))
                gradient(found, there)
            finally:
                torch.cuda.set_sync_debug_mode('default')
            for name, value in found.items():
                torch.testing.assert_close(value.cpu(), expected[name])
