"""Writes the part of a checkpoint that embeds images, for others to use.

    python tools/model_converters/publish_model.py epoch_100.pth dynamix_r50.pth

writes dynamix_r50-<8 digits>.pth: the momentum encoder alone, in a file that
torch.load(..., weights_only=True) reads without dynamix. The digits begin the SHA-256
of the file. It is a checkpoint for ReIDInferencer, tools/test.py and load_from, and
`reid://FILE` starts a backbone from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.runner import CheckpointLoader

from dynamix.engine.checkpoint_file import check_complete
from dynamix.export import published_weights, save_published


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
        check_complete(args.checkpoint)
        found = CheckpointLoader.load_checkpoint(args.checkpoint, map_location='cpu')
        args.published = published_weights(found, args.checkpoint)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return args


def main() -> None:
    args = parse_args()
    try:
        path = save_published(args.published, args.out)
    except OSError as error:
        raise SystemExit(str(error)) from None
    print(f'wrote {path} of {path.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
