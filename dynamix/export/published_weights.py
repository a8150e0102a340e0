from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dynamix.models.checkpoint_weights import MOMENTUM_ENCODER
from dynamix.output_file import written_whole

HASH_DIGITS = 8
KEPT_META = ('epoch', 'iter')


def published_weights(checkpoint: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Returns what of a checkpoint embeds images, as a smaller checkpoint.

    Args:
        checkpoint (Mapping[str, Any]): Of a :class:`DynaMix`, as ``torch.load`` gives
            it.
        source (str): What errors call it.

    Returns:
        dict[str, Any]: ``state_dict`` with the momentum encoder alone, under its names
        in the model, and ``meta`` with epoch and iteration.

    Raises:
        ValueError: If it has no momentum encoder.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    kept = {
        name.removeprefix('module.'): weight.detach().cpu().clone()
        for name, weight in weights.items()
        if name.removeprefix('module.').startswith(MOMENTUM_ENCODER)
    }
    if not kept:
        raise ValueError(
            f'{source} has no momentum encoder, but e.g. {sorted(weights)[:3]}: '
            'expected a checkpoint of a DynaMix.'
        )
    meta = checkpoint.get('meta', {})
    return dict(
        state_dict=kept, meta={key: meta[key] for key in KEPT_META if key in meta}
    )


def save_published(published: Mapping[str, Any], path: str | Path) -> Path:
    """Saves published weights under a name that holds the hash of the file.

    Args:
        published (Mapping[str, Any]): As of :func:`published_weights`.
        path (str | Path): ``NAME.pth``.

    Returns:
        Path: ``NAME-<8 hexadecimal digits>.pth``, as ``torch.hub`` checks them.

    Raises:
        OSError: If it cannot be written.
    """
    buffer = io.BytesIO()  # so that the content does not depend on the name
    torch.save(dict(published), buffer)
    digits = hashlib.sha256(buffer.getbuffer()).hexdigest()[:HASH_DIGITS]
    path = Path(path)
    path = path.with_name(f'{path.stem}-{digits}{path.suffix}')
    with written_whole(path) as file:
        file.write_bytes(buffer.getbuffer())
    return path
