from __future__ import annotations

import hashlib

import torch
from torch import nn

DIGITS = 16


def weights_fingerprint(model: nn.Module) -> str:
    """Returns a hash of the weights that embed, 16 hexadecimal digits.

    Args:
        model (nn.Module): Without a head. Of a model with a ``momentum_encoder``, it
            is that encoder that embeds.

    Returns:
        str: Begin of the SHA-256 over names, types, shapes and values; counters of
        batch normalisation are left out.
    """
    average = getattr(model, 'momentum_encoder', None)
    weights = (model if average is None else average.module).state_dict()
    digest = hashlib.sha256()
    for name in sorted(weights):
        if name.endswith('num_batches_tracked'):
            continue
        weight = weights[name].detach().cpu().contiguous()
        digest.update(f'{name} {weight.dtype} {list(weight.shape)}\n'.encode())
        digest.update(weight.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:DIGITS]
