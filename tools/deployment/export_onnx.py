"""Writes a trained model as an ONNX file, and checks that it embeds as PyTorch does.

    python tools/deployment/export_onnx.py CONFIG CHECKPOINT reid.onnx

The file takes `images`, [N, 3, H, W] float32, RGB (BGR if the model was trained so),
normalised, and gives `embeddings`, [N, D] float32 of unit length. With --raw-input it
takes [N, H, W, 3] uint8 BGR. Its metadata hold the name of the model, input size, mean
and standard deviation, order of the channels, and the fingerprint of the weights.

Images of the config's test data, or drawn people where there are none, are embedded by
PyTorch and by the file, from decoding to embedding. A file that differs is not kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from dynamix.apis import ReIDInferencer
from dynamix.datasets import ImageTableBuilder
from dynamix.datasets.image_files import iter_images
from dynamix.engine.command_line import add_config_options, read_config
from dynamix.export import FLOAT16, FLOAT32, compare_embeddings, export_onnx
from dynamix.output_file import written_whole
from dynamix.registry import DATASETS

BATCH_SIZE = 16
NUM_IMAGES = 128


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help='config file')
    parser.add_argument('checkpoint', help='checkpoint file, or a published one')
    parser.add_argument('out', type=Path, help='.onnx file to write')
    parser.add_argument(
        '--batch-size',
        type=int,
        help='take this number of images alone; by default any number',
    )
    parser.add_argument(
        '--opset', type=int, choices=range(18, 25), default=18, help='by default 18'
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='compute in float16; input and output stay float32',
    )
    parser.add_argument(
        '--raw-input',
        action='store_true',
        help='take uint8 BGR images, as OpenCV reads them: normalisation and order of '
        'the channels are in the file',
    )
    parser.add_argument(
        '--check',
        type=Path,
        metavar='FOLDER',
        help=f'crops to check with; by default up to {NUM_IMAGES} of the test data, or '
        'drawn people',
    )
    add_config_options(parser)
    args = parser.parse_args()
    if args.out.suffix != '.onnx':
        parser.error(f'{args.out}: expected a file that ends in .onnx')
    if args.batch_size is not None and args.batch_size < 1:
        parser.error(f'--batch-size {args.batch_size}: expected at least 1')
    try:
        args.cfg = read_config(args.config, args.cfg_options)
        args.cfg.model.pop('test_cfg', None)  # the file embeds no mirror images
        args.inferencer = ReIDInferencer(args.cfg, args.checkpoint, device='cpu')
        args.images, args.source = find_images(args)
    except (OSError, TypeError, ValueError) as error:
        parser.error(str(error))
    return args


def input_size(inferencer: ReIDInferencer) -> tuple[int, int]:
    """Height and width of the images that the test pipeline makes."""
    image = np.zeros((64, 32, 3), np.uint8)
    made = inferencer.pipeline(dict(image_index=0, img_path='', img=image))
    height, width = made['inputs'].shape[1:]
    return height, width


def find_images(args: argparse.Namespace) -> tuple[list[Any], str]:
    """Images to check with, and what they are."""
    if args.check is not None:
        if not args.check.is_dir():
            raise ValueError(f"--check: there is no folder '{args.check}'")
        names = iter_images(ImageTableBuilder(str(args.check)), '')
        images: list[Any] = [args.check / name for name in names]
        if len(images) < 2:
            raise ValueError(f"--check: '{args.check}' holds {len(images)} images")
        return images, str(args.check)
    try:
        dataset = DATASETS.build(args.cfg.test_dataloader.dataset)
        rows = np.unique(np.linspace(0, len(dataset) - 1, NUM_IMAGES).astype(int))
        source = 'the test data'
    except FileNotFoundError:
        dataset = DATASETS.build(
            dict(
                type='dynamix.SyntheticPedestrians',
                split='test',
                image_size=input_size(args.inferencer),
                num_identities=NUM_IMAGES // 8,
                num_cameras=4,
                images_per_camera=2,
            )
        )
        rows = np.arange(NUM_IMAGES)
        source = 'drawn people, as the test data are not there'
    images = []
    for row in rows.tolist():
        info = dataset.get_data_info(row)
        images.append(info['img'] if 'img' in info else info['img_path'])
    return images, source


def write_checked(args: argparse.Namespace, file: Path) -> None:
    """Writes the ONNX file, compares it with PyTorch and prints what was found."""
    print(f'exporting {args.checkpoint}; this may take a minute')
    metadata = export_onnx(
        args.inferencer.model,
        file,
        input_size(args.inferencer),
        model_name=args.config.stem,
        batch_size=args.batch_size,
        opset=args.opset,
        half=args.half,
        raw_input=args.raw_input,
    )
    for name, value in metadata.to_strings().items():
        print(f'  {name}: {value}')
    print(f'checking it with {len(args.images)} images of {args.source}')
    expected, found = (
        inferencer(args.images, BATCH_SIZE, progress=True)
        for inferencer in (args.inferencer, ReIDInferencer(file, device='cpu'))
    )
    parity = compare_embeddings(expected, found)
    limit = FLOAT16 if args.half else FLOAT32
    print(
        f'  largest difference of embeddings: {parity.feature:.1e} '
        f'(at most {limit.feature:.0e})\n'
        f'  equal images among the first ten found: {100 * parity.ranks:.2f} % '
        f'(at least {100 * limit.ranks:.0f} %)'
    )
    if not parity.is_within(limit):
        raise ValueError('it would not embed as the checkpoint does')


def main() -> None:
    args = parse_args()
    try:
        with written_whole(args.out) as file:
            write_checked(args, file)
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(f'{args.out} is not written: {error}') from None
    print(f'wrote {args.out}')


if __name__ == '__main__':
    main()
