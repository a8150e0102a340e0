"""Draws rank lists of a target: queries, and what the model finds for them.

    python tools/analysis_tools/plot_ranks.py CONFIG CHECKPOINT --target viper \\
        --order worst --out ranks.png

The ranking is that of the config's `test_evaluator`. Green frames are right, red ones
wrong. Below each image: identity, camera, score.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import mmcv

from dynamix.apis import ReIDInferencer
from dynamix.apis.rank_lists import ORDERS, embed_target, find_metric, rank_lists
from dynamix.config_checks import check_whole
from dynamix.engine.command_line import (
    add_config_options,
    config_errors,
    read_config,
)
from dynamix.registry import DATASETS
from dynamix.visualization import draw_rank_sheet


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--target', help='its name; by default the first one')
    parser.add_argument('--queries', type=int, default=8, help='how many to draw')
    parser.add_argument(
        '--order',
        choices=ORDERS,
        default='random',
        help='which queries: drawn at random, or by average precision',
    )
    parser.add_argument('--topk', type=int, default=10, help='images a query')
    parser.add_argument(
        '--out', type=Path, default=Path('ranks.png'), help='picture to write'
    )
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--device', help='by default a GPU if there is one')
    add_config_options(parser)
    args = parser.parse_args()
    if not cv2.haveImageWriter(str(args.out)):
        parser.error(f'--out {args.out}: expected an image, such as ranks.png')
    return args


@config_errors(kinds=(OSError, TypeError, ValueError))
def main() -> None:
    args = parse_args()
    check_whole('--queries', args.queries, 1)
    check_whole('--topk', args.topk, 1)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cfg = read_config(args.config, args.cfg_options)
    inferencer = ReIDInferencer(cfg, args.checkpoint, args.device)
    metric = find_metric(cfg)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    loading = dict(batch_size=args.batch_size)
    target = embed_target(inferencer, dataset, args.target, **loading)
    read = partial(inferencer.read_image, dataset)
    rows = rank_lists(target, read, metric, args.order, args.queries, args.topk)
    mmcv.imwrite(draw_rank_sheet(rows), str(args.out))
    print(f'wrote rank lists of {len(rows)} queries of {target.name} to {args.out}')


if __name__ == '__main__':
    main()
