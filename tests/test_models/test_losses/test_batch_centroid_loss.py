from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dynamix.models.heads import CentroidMemoryHead
from dynamix.registry import MODELS
from dynamix.structures import IdentityTable, ReIDDataSample


def unit(batch: int, dim: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dim, generator=generator), dim=1)


def test_is_the_cross_entropy_over_the_means() -> None:
    keys, key_labels = unit(6, 4, 0), torch.tensor([5, 2, 5, -1, 2, 5])
    features = unit(4, 4, 1).requires_grad_()
    labels = torch.tensor([2, 5, -1, 7])
    loss = MODELS.build(dict(type='BatchCentroidLoss', loss_weight=3.0))
    value, valid = loss(features, labels, keys, key_labels)
    centroids = torch.stack(
        [F.normalize(keys[key_labels == y].mean(0), dim=0) for y in (2, 5)]
    )
    expected = 3 * F.cross_entropy(
        features[:2] @ centroids.t() / 0.5, torch.tensor([0, 1]), reduction='none'
    )
    torch.testing.assert_close(value[:2], expected)
    assert value[2:].tolist() == [0, 0]
    assert valid.tolist() == [True, True, False, False]
    (ours,) = torch.autograd.grad(value.sum(), features, retain_graph=True)
    (theirs,) = torch.autograd.grad(expected.sum(), features)
    torch.testing.assert_close(ours, theirs)


def test_a_head_with_batch_means_has_no_memory() -> None:
    losses = dict(batch_centroid=dict(type='BatchCentroidLoss'))
    head = CentroidMemoryHead(4, losses=losses)
    head.bind(IdentityTable(np.array([0, 0, 1, 1]), 4, 2), np.array([0, 1, 0, 1]))
    assert head.memory is None
    assert head.camera_memory is None
    batch = [ReIDDataSample(metainfo=dict(image_index=i)) for i in (0, 2, -1)]
    found = head.loss(unit(3, 4, 0), unit(3, 4, 1), batch)
    assert set(found) == {'loss_batch_centroid'}
    assert found['loss_batch_centroid'].item() > 0


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match=r'BatchCentroidLoss\.temperature'):
        MODELS.build(dict(type='BatchCentroidLoss', temperature=0))
