from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import nn

from dynamix.export import weights_fingerprint


def layer(weight: torch.Tensor) -> nn.Module:
    """A layer of 2 x 3 x 1 x 2 numbers, with the counter of a batch normalisation."""
    layer = nn.Sequential(nn.Conv2d(3, 2, (1, 2), bias=False), nn.BatchNorm2d(2))
    layer[0].weight.data = weight
    return layer


def test_is_a_hash_of_names_types_shapes_and_values_of_the_momentum_encoder():
    weight = torch.arange(12.0).reshape(2, 3, 1, 2)
    model = nn.Module()
    model.encoder = layer(weight + 1)
    model.momentum_encoder = nn.Module()
    model.momentum_encoder.module = layer(weight)
    digest = hashlib.sha256()
    for name, values in (
        ('0.weight', np.arange(12.0).reshape(2, 3, 1, 2)),
        ('1.bias', np.zeros(2)),
        ('1.running_mean', np.zeros(2)),
        ('1.running_var', np.ones(2)),
        ('1.weight', np.ones(2)),
    ):
        digest.update(f'{name} torch.float32 {list(values.shape)}\n'.encode())
        digest.update(values.astype(np.float32).tobytes())
    expected = digest.hexdigest()[:16]
    assert weights_fingerprint(model) == expected
    model.momentum_encoder.module[1].num_batches_tracked += 1
    assert weights_fingerprint(model) == expected
    # how values lie in memory does not matter
    last = weight.to(memory_format=torch.channels_last)
    assert weights_fingerprint(layer(last)) == expected
    for other in (weight.bfloat16(), weight.reshape(3, 2, 1, 2), weight + 1):
        assert weights_fingerprint(layer(other)) != expected
