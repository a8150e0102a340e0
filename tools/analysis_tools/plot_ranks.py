"""Draws rank lists of a target: queries, and what the model finds for them.

    python tools/analysis_tools/plot_ranks.py CONFIG CHECKPOINT --target viper \
        --order worst --out ranks.png

The ranking is that of the config's `test_evaluator`. Green frames are right, red ones
wrong. Below each image: identity, camera, score.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import cv2
import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from torch.utils.data import Subset

from dynamix.apis import ReIDInferencer
from dynamix.engine.command_line import add_config_options, merge_options
from dynamix.evaluation import ReIDMetric, rank_blocks, ranked_images
from dynamix.evaluation.target_images import TargetImages
from dynamix.registry import DATASETS
from dynamix.visualization import RankedImage, draw_rank_sheet


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw rank lists of a target.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--target', help='its name; by default the first one')
    parser.add_argument('--queries', type=int, default=8, help='how many to draw')
    parser.add_argument(
        '--order',
        choices=['random', 'worst', 'best'],
        default='random',
        help='which queries: drawn at random, or by average precision',
    )
    parser.add_argument('--topk', type=int, default=10, help='images a query')
    parser.add_argument('--out', default='ranks.png', help='picture to write')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--device', help='by default a GPU if there is one')
    add_config_options(parser)
    args = parser.parse_args()
    if not cv2.haveImageWriter(args.out):
        parser.error(f'--out {args.out}: expected an image, such as ranks.png')
    return args


def embed_target(
    cfg: Config, inferencer: ReIDInferencer, name: str | None, batch_size: int
) -> tuple[TargetImages, Callable[[int], np.ndarray]]:
    """The target's images with their features, and how to look at one."""
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    targets = [dataset.get_data_info(row).get('target') for row in range(len(dataset))]
    name = name or targets[0]
    rows = [row for row, target in enumerate(targets) if target == name]
    if not rows:
        raise SystemExit(
            f"there is no target '{name}' but {', '.join(sorted(set(targets)))}"
        )
    samples = inferencer.predict(Subset(dataset, rows), batch_size)
    records = [{**s.to_dict(), 'feature': s.feature.numpy()} for s in samples]

    def look(image_index: int) -> np.ndarray:
        info = dataset.get_data_info(image_index)
        return info['img'] if 'img' in info else mmcv.imread(info['img_path'])

    return TargetImages(name, records), look


def find_metric(cfg: Config) -> ReIDMetric:
    """The ``ReIDMetric`` of the config's ``test_evaluator``."""
    for metric in Evaluator(cfg.test_evaluator).metrics:
        if isinstance(metric, ReIDMetric):
            return metric
    raise SystemExit(f'test_evaluator has no ReIDMetric but {cfg.test_evaluator}')


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    merge_options(cfg, args.cfg_options)
    inferencer = ReIDInferencer(cfg, args.checkpoint, args.device)
    target, look = embed_target(cfg, inferencer, args.target, args.batch_size)
    query, gallery = target.splits()[0]
    metric = find_metric(cfg)
    labels = metric.labels(target, query, gallery)
    features = torch.from_numpy(target.feature)
    score_of = metric.score_block(features[query], features[gallery])
    precision = rank_blocks(score_of, labels).average_precision
    chosen = np.flatnonzero(~np.isnan(precision))
    if args.order == 'random':
        chosen = np.random.default_rng(0).permutation(chosen)
    else:
        chosen = chosen[np.argsort(precision[chosen], kind='stable')]
        chosen = chosen[::-1] if args.order == 'best' else chosen

    def drawn(row: int, right: bool | None = None, score: str = '') -> RankedImage:
        who = f'{target.identity[row]} c{target.camera[row]}{score}'
        return RankedImage(look(int(target.image_index[row])), right, who)

    rows = []
    for q in chosen[: args.queries]:
        scores = score_of(q, q + 1)[0]
        columns, right = ranked_images(score_of, labels, q, args.topk)
        found = [
            drawn(gallery[column], bool(is_right), f' {scores[column]:.2f}')
            for column, is_right in zip(columns, right)
        ]
        rows.append((drawn(query[q]), found))
    if not rows:
        raise SystemExit(f"no query of target '{target.name}' has a match")
    mmcv.imwrite(draw_rank_sheet(rows), args.out)
    print(f'wrote rank lists of {len(rows)} queries of {target.name} to {args.out}')


if __name__ == '__main__':
    main()
