"""Writes the part of a checkpoint that embeds images, for others to use.

    python tools/model_converters/publish_model.py epoch_100.pth dynamix_r50.pth

writes dynamix_r50-<8 digits>.pth: the momentum encoder alone, in a file that
torch.load(..., weights_only=True) reads without dynamix. The digits begin the SHA-256
of the file. It is a checkpoint for ReIDInferencer, tools/test.py and load_from, and
`reid://FILE` starts a backbone from it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import CheckpointLoader

from dynamix.engine.checkpoint_file import check_complete
from dynamix.engine.command_line import config_errors
from dynamix.models.checkpoint_weights import MOMENTUM_ENCODER
from dynamix.output_file import written_whole


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', type=Path, help='.pth file; its hash is added')
    args = parser.parse_args()
    if args.out.suffix != '.pth':
        parser.error(f'{args.out}: expected a file that ends in .pth')
    try:
        args.weights = momentum_encoder(args.checkpoint)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return args


def momentum_encoder(checkpoint: str) -> dict[str, Any]:
    """What of a checkpoint embeds images, under its names; and its epoch."""
    check_complete(checkpoint)
    found = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    weights: Mapping[str, torch.Tensor] = found.get('state_dict', found)
    named = {name.removeprefix('module.'): weight for name, weight in weights.items()}
    kept = {
        name: weight.detach().clone()
        for name, weight in named.items()
        if name.startswith(MOMENTUM_ENCODER)
    }
    if not kept:
        raise ValueError(
            f'{checkpoint} has no momentum encoder, but e.g. {sorted(weights)[:3]}: '
            'expected a checkpoint of a DynaMix.'
        )
    meta = found.get('meta', {})
    meta = {key: meta[key] for key in ('epoch', 'iter') if key in meta}
    return dict(state_dict=kept, meta=meta)


@config_errors(kinds=(OSError, ValueError))
def main() -> None:
    args = parse_args()
    content = io.BytesIO()  # in a file, it would depend on the name
    torch.save(args.weights, content)
    digits = hashlib.sha256(content.getbuffer()).hexdigest()[:8]
    path = args.out.with_name(f'{args.out.stem}-{digits}.pth')
    with written_whole(path) as file:
        file.write_bytes(content.getbuffer())
    print(f'wrote {path} of {path.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
