"""Maps the embeddings of a config's test images to the plane by t-SNE.

    python tools/analysis_tools/embedding_map.py CONFIG CHECKPOINT --out map.html

Points are coloured by identity, camera and data set. In a page (.html), a point shows
its image under the pointer; other suffixes give a picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backend_bases import FigureCanvasBase
from sklearn.manifold import TSNE
from torch.utils.data import Subset

from dynamix.apis import ReIDInferencer
from dynamix.engine.command_line import (
    add_config_options,
    add_embedding_options,
    config_errors,
    read_config,
)
from dynamix.output_file import written_whole
from dynamix.registry import DATASETS
from dynamix.visualization import draw_embedding_map, embedding_map_page

COLOURS = ('identity', 'camera', 'dataset')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out', type=Path, default=Path('map.png'), help='picture or .html to write'
    )
    parser.add_argument(
        '--color', nargs='+', choices=COLOURS, default=COLOURS, help='one panel each'
    )
    parser.add_argument(
        '--max-images', type=int, default=2000, help='more are drawn from at random'
    )
    parser.add_argument('--seed', type=int, default=0, help='of that, and of t-SNE')
    add_embedding_options(parser)
    add_config_options(parser)
    args = parser.parse_args()
    formats = ['html', *sorted(FigureCanvasBase.get_supported_filetypes())]
    if args.out.suffix.lower()[1:] not in formats:
        parser.error(f'--out {args.out}: expected .{", .".join(formats)}')
    if args.max_images < 4:
        parser.error(f'--max-images {args.max_images}: expected at least 4')
    return args


@config_errors(kinds=(OSError, TypeError, ValueError))
def main() -> None:
    args = parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cfg = read_config(args.config, args.cfg_options)
    inferencer = ReIDInferencer(cfg, args.checkpoint, args.device)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    rows = np.random.default_rng(args.seed).permutation(len(dataset))
    rows = np.sort(rows[: args.max_images])
    samples = inferencer.predict(
        Subset(dataset, rows.tolist()),
        args.batch_size,
        args.num_workers,
        progress=True,
    )
    features = np.stack([sample.feature.numpy() for sample in samples])
    if len(features) < 4:
        raise ValueError(f'{args.config} has {len(features)} test images: too few')
    print('t-SNE:')
    points = TSNE(
        perplexity=min(30, len(features) / 4),
        metric='cosine',
        init='pca',
        random_state=args.seed,
        verbose=1,
    ).fit_transform(features)
    labels = dict(
        identity=[f'{s.target} {s.identity}' for s in samples],
        camera=[f'{s.target} c{s.camera}' for s in samples],
        dataset=[s.target for s in samples],
    )
    colourings = {name: labels[name] for name in args.color}
    with written_whole(args.out) as file:
        if args.out.suffix.lower() == '.html':
            images = [
                cv2.resize(inferencer.read_image(dataset, row), (48, 96))
                for row in rows
            ]
            captions = [
                f'{s.target}: identity {s.identity}, camera {s.camera}' for s in samples
            ]
            title = f'Embeddings of {Path(args.config).stem}'
            page = embedding_map_page(points, colourings, images, captions, title)
            file.write_text(page, encoding='utf-8')
        else:
            draw_embedding_map(points, colourings).savefig(file, dpi=150)
    print(f'wrote {len(points)} points to {args.out}')


if __name__ == '__main__':
    main()
