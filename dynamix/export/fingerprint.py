from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

DIGITS = 16


def embedding_weights(model: nn.Module) -> dict[str, Tensor]:
    """Returns the weights that embed images at inference.

    Args:
        model (nn.Module): Without a head. Of a model with a ``momentum_encoder``, it
            is that encoder that embeds.

    Returns:
        dict[str, Tensor]: By name, without the counters of batch normalisation.
    """
    average = getattr(model, 'momentum_encoder', None)
    encoder = model if average is None else average.module
    return {
        name: weight
        for name, weight in encoder.state_dict().items()
        if not name.endswith('num_batches_tracked')
    }


def weights_fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Returns 16 hexadecimal digits that tell weights from all others.

    Args:
        weights (Mapping[str, Tensor]): By name; their order does not matter.

    Returns:
        str: Begin of the SHA-256 over names, types, shapes and values.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name].detach().cpu().contiguous()
        digest.update(f'{name} {weight.dtype} {list(weight.shape)}\n'.encode())
        digest.update(weight.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:DIGITS]


def file_fingerprint(path: str) -> str:
    """Returns 16 hexadecimal digits of the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:DIGITS]
