from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import nn

from dynamix.export import embedding_weights, weights_fingerprint


def test_is_a_hash_of_names_types_shapes_and_values():
    weights = dict(b=torch.arange(6.0).reshape(2, 3), a=torch.tensor(7))
    text = b'a torch.int64 []\n' + np.int64(7).tobytes()
    text += b'b torch.float32 [2, 3]\n' + np.arange(6, dtype=np.float32).tobytes()
    expected = hashlib.sha256(text).hexdigest()[:16]
    assert weights_fingerprint(weights) == expected
    assert weights_fingerprint(dict(reversed([*weights.items()]))) == expected
    others = (
        dict(weights, b=weights['b'].T),
        dict(weights, b=weights['b'].reshape(3, 2)),
        dict(weights, b=weights['b'].int()),
        dict(a=weights['a'], c=weights['b']),
    )
    found = {weights_fingerprint(other) for other in others}
    assert len(found | {expected}) == 5


def test_how_values_lie_in_memory_does_not_matter():
    weight = torch.randn(2, 3, 4, 5)
    last = weight.to(memory_format=torch.channels_last)
    assert weights_fingerprint(dict(w=last)) == weights_fingerprint(dict(w=weight))
    half = weight.bfloat16()
    assert weights_fingerprint(dict(w=half)) != weights_fingerprint(dict(w=weight))


def test_the_momentum_encoder_embeds():
    model = nn.Module()
    model.encoder = nn.Linear(2, 3)
    model.momentum_encoder = nn.Module()
    model.momentum_encoder.module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    names = {'0.weight', '0.bias', '1.weight', '1.bias'}
    names |= {'1.running_mean', '1.running_var'}
    assert embedding_weights(model).keys() == names
    assert embedding_weights(model.encoder).keys() == {'weight', 'bias'}
