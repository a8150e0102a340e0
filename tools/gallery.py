"""Keeps a gallery of people on disk: builds it, adds to it, searches it.

    python tools/gallery.py build hall CONFIG CHECKPOINT crops/
    python tools/gallery.py add hall CONFIG CHECKPOINT monday/ --tracklets --fps 25
    python tools/gallery.py search hall CONFIG CHECKPOINT who.jpg --picture found.png
    python tools/gallery.py remove hall --time 0 3600
    python tools/gallery.py verify hall

The model is CONFIG CHECKPOINT, or an ONNX file in place of both. Inputs and queries are
images, folders of them, and .npz files of extract_features.py. What is in the gallery
already is left out, so a build that was killed is finished by `add`.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmengine.utils import ProgressBar

from dynamix.apis import ReIDInferencer
from dynamix.engine.command_line import add_embedding_options
from dynamix.gallery import Gallery, Match
from dynamix.gallery.inputs import (
    GalleryInput,
    InputRules,
    crop_of,
    read_inputs,
)
from dynamix.output_file import written_whole
from dynamix.visualization import RankedImage, draw_rank_sheet

BLOCK_CROPS = 2048
COLUMNS = ('query', 'rank', 'score', 'id', 'path', 'camera', 'time', 'person')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True)
    for name, text in (
        ('build', 'make a gallery of crops, tracklets or features'),
        ('add', 'add some to a gallery'),
        ('search', 'find who looks like the queries'),
        ('remove', 'remove entries that meet all conditions'),
        ('verify', 'check all that a gallery holds'),
    ):
        command = commands.add_parser(name, help=text, description=text)
        option = command.add_argument
        option('gallery', type=Path, help='its folder')
        if name in ('build', 'add', 'search'):
            text = 'CONFIG CHECKPOINT or ONNX file, then images, folders or .npz files'
            option('model', nargs='+', metavar='CONFIG CHECKPOINT INPUT', help=text)
            text = (
                'an entry for each folder of crops, with their mean; else for each crop'
            )
            option('--tracklets', action='store_true', help=text)
            add_embedding_options(command)
        if name in ('build', 'add'):
            text = 'of all inputs; else as paths name it (c1_, cam1/); of tracklets, '
            option('--camera', help=f'{text}else the folder above them')
            option('--person', help='whom all inputs show')
            option('--time', type=float, metavar='SECONDS', help='of all inputs')
            text = 'adds N / FPS to the time, N the number that a file name ends in'
            option('--fps', type=float, help=text)
        if name in ('search', 'remove'):
            text = 'only of this one; may be given several times'
            option('--camera', action='append', help=text)
            limits = ('FROM', 'TO')
            option('--time', type=float, nargs=2, metavar=limits, help='seconds')
        if name == 'search':
            option('--topk', type=int, default=10, help='entries a query')
            option('--out', type=Path, help='CSV file to write')
            option('--picture', help='picture of what was found to write')
        if name == 'remove':
            option('paths', nargs='*', help='entries, or folders above')
            option('--person', help='only of this one')
    args = parser.parse_args()
    if 'model' in args:
        take = 1 if args.model[0].endswith('.onnx') else 2
        args.inputs, args.model = args.model[take:], args.model[:take]
        if not args.inputs:
            parser.error(
                'expected a config and a checkpoint, or an ONNX file, and then inputs'
            )
    if args.command == 'search':
        if args.topk < 1:
            parser.error(f'--topk {args.topk}: expected at least 1')
        if args.picture and not cv2.haveImageWriter(args.picture):
            parser.error(f'--picture {args.picture}: expected an image, such as a.png')
    if args.command == 'remove' and not (
        args.paths or args.camera or args.time or args.person
    ):
        parser.error('say what to remove: paths, --camera, --time or --person')
    return args


def load_model(args: argparse.Namespace) -> ReIDInferencer:
    inferencer = ReIDInferencer(*args.model, device=args.device)
    inferencer.skip_unreadable()
    return inferencer


def embed(
    args: argparse.Namespace, inferencer: ReIDInferencer, inputs: list[GalleryInput]
) -> Iterator[tuple[list[GalleryInput], np.ndarray]]:
    """Yields inputs, some thousand crops at a time, and the means of their features;
    names those that cannot be read at the end.
    """
    if not inputs:
        return
    blocks, size = list[list[GalleryInput]](), BLOCK_CROPS
    for entry in inputs:
        if size >= BLOCK_CROPS:
            blocks.append([])
            size = 0
        blocks[-1].append(entry)
        size += len(entry.crops)
    unread = []
    bar = ProgressBar(sum(len(entry.crops) for entry in inputs))
    for block in blocks:
        crops = [c for entry in block if entry.features is None for c in entry.crops]
        found = inferencer(crops, args.batch_size, args.num_workers) if crops else ()
        rows = iter(found)
        read, means = [], []
        for entry in block:
            features = entry.features
            if features is None:
                features = np.stack([next(rows) for _ in entry.crops])
            unit = features / np.linalg.norm(features, axis=1, keepdims=True)
            unit = unit[~np.isnan(unit).any(axis=1)]
            if len(unit):
                read.append(entry)
                means.append(unit.mean(axis=0))
            else:
                unread.append(entry.path)
        if read:
            yield read, np.stack(means)
        bar.update(sum(len(entry.crops) for entry in block))
    print()
    if unread:
        print(f'left out {len(unread)} inputs, which cannot be read:')
        print(*unread, sep='\n')


def build_or_add(args: argparse.Namespace) -> None:
    if args.command == 'build' and Gallery.exists(args.gallery):
        raise FileExistsError(f'there is a gallery in {args.gallery}: use `add`.')
    inferencer = load_model(args)
    rules = InputRules(**{name: getattr(args, name) for name in InputRules._fields})
    inputs = read_inputs(args.inputs, rules, inferencer.fingerprint)
    with ExitStack() as stack:
        gallery = None
        if args.command == 'add':
            gallery = Gallery.open(args.gallery, inferencer.fingerprint, write=True)
            stack.enter_context(gallery)
            known = gallery.known([entry.path for entry in inputs])
            inputs = [entry for entry in inputs if entry.path not in known]
            if known:
                print(f'left out {len(known)} inputs that are in it already')
        added = 0
        for block, features in embed(args, inferencer, inputs):
            if gallery is None:
                about = features.shape[1], inferencer.fingerprint, ' '.join(args.model)
                gallery = Gallery.create(args.gallery, *about)
                stack.enter_context(gallery)
            paths, cameras, times, persons, *_ = zip(*block)
            added += len(gallery.add(features, paths, cameras, times, persons))
        if gallery is None:
            raise ValueError('no input can be read, so there is no gallery.')
        print(f'added {added} entries to {args.gallery}, which now has {len(gallery)}')


def search(args: argparse.Namespace) -> None:
    inferencer = load_model(args)
    rules = InputRules(args.tracklets)
    with Gallery.open(args.gallery, inferencer.fingerprint) as gallery:
        queries: list[GalleryInput] = []
        found: list[list[Match]] = []
        inputs = read_inputs(args.inputs, rules, inferencer.fingerprint)
        for block, features in embed(args, inferencer, inputs):
            queries += block
            found += gallery.search(features, args.topk, args.camera, args.time)
        if not any(found):
            cameras = ', '.join(gallery.cameras()) or 'none'
            print(
                f'gallery.py search: nothing in {args.gallery} is under these cameras '
                f'and in this time; its cameras: {cameras}.',
                file=sys.stderr,
            )
    rows = [
        (query.path, rank, f'{match.score:.4f}', *match.entry)
        for query, matches in zip(queries, found)
        for rank, match in enumerate(matches, start=1)
    ]
    csv.writer(sys.stdout, 'excel-tab').writerows([COLUMNS, *rows])
    if args.out:
        with written_whole(args.out) as path, open(path, 'w', newline='') as file:
            csv.writer(file).writerows([COLUMNS, *rows])
    if args.picture:
        sheet = [
            (draw(query.path), [draw(m.entry.path, m) for m in matches])
            for query, matches in zip(queries, found)
        ]
        mmcv.imwrite(draw_rank_sheet(sheet), args.picture)


def draw(path: str, match: Match | None = None) -> RankedImage:
    """A query, or what was found."""
    image = mmcv.imread(crop_of(path))
    if match is None:
        return RankedImage(image)
    camera = '' if match.entry.camera is None else f' {match.entry.camera}'
    return RankedImage(image, None, f'{match.score:.2f}{camera}')


def remove(args: argparse.Namespace) -> None:
    below = [os.path.abspath(os.path.expanduser(path)) for path in args.paths]
    # names in a gallery of features are no files
    below += args.paths
    with Gallery.open(args.gallery, write=True) as gallery:
        ids = gallery.select(args.camera, args.time, args.person, below or None)
        print(f'removed {gallery.remove(ids)} entries; {len(gallery)} are left')


def verify(args: argparse.Namespace) -> None:
    with Gallery.open(args.gallery) as gallery:
        faults = gallery.verify()
        if faults:
            raise ValueError('\n'.join([f'{args.gallery} is damaged:', *faults]))
        print(
            f'{args.gallery}: {len(gallery)} entries of {gallery.dim} numbers by model '
            f'{gallery.described_model}: all well'
        )


def main() -> int:
    args = parse_args()
    run = dict(search=search, remove=remove, verify=verify)
    try:
        run.get(args.command, build_or_add)(args)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f'gallery.py {args.command}: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
