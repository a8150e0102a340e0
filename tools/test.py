"""Tests a checkpoint on unseen data.

    python tools/test.py configs/dynamix_r18_synthetic.py \\
        work_dirs/dynamix_r18_synthetic/epoch_24.pth
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric, DumpResults
from mmengine.runner import Runner

from dynamix.engine.checkpoint_file import check_complete
from dynamix.engine.command_line import config_errors, merge_options, parse_arguments
from dynamix.engine.launch import run_among_ranks, set_loader_defaults, set_work_dir
from dynamix.evaluation import ReIDMetric
from dynamix.output_file import written_whole

FEATURES = ('.pkl', '.pickle')
METRICS = ('.json', '.yaml', '.yml')


class DumpWhole(DumpResults):
    """MMEngine's ``DumpResults`` that leaves no incomplete file."""

    def compute_metrics(self, results: list) -> dict:
        with written_whole(self.out_file_path) as file:
            mmengine.dump(results, file)
        return {}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs')
    parser.add_argument(
        '--out',
        type=Path,
        help='file for metrics (.json, .yaml) or for the data samples with their '
        'features (.pkl)',
    )
    parser.add_argument(
        '--per-query',
        type=Path,
        metavar='FILE.csv',
        help='file for the average precision, the rank of the first match and the '
        'nearest images of each query',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help="mixed precision, MMEngine's test_cfg.fp16: float16 on a GPU (--amp of "
        'tools/train.py is bfloat16), bfloat16 on a CPU',
    )
    args = parse_arguments(parser)
    suffixes = METRICS + FEATURES
    if args.out and args.out.suffix not in suffixes:
        parser.error(f'--out {args.out}: expected a file in {", ".join(suffixes)}')
    if args.per_query and args.per_query.suffix != '.csv':
        parser.error(f'--per-query {args.per_query}: expected a file in .csv')
    return args


def make_cfg(args: argparse.Namespace) -> Config:
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.load_from = args.checkpoint
    cfg.resume = False
    check_complete(args.checkpoint)
    set_work_dir(cfg, args.config, args.work_dir)
    if args.amp:
        cfg.test_cfg.fp16 = True
    merge_options(cfg, args.cfg_options)
    set_loader_defaults(cfg)
    return cfg


def set_per_query(metrics: list[BaseMetric], path: str) -> None:
    """Lets the only ``ReIDMetric`` of an evaluator write the results of queries."""
    found = [metric for metric in metrics if isinstance(metric, ReIDMetric)]
    if len(found) != 1:
        raise ValueError(
            f'--per-query needs one ReIDMetric in test_evaluator, which has '
            f'{len(found)}.'
        )
    found[0].per_query = path


def main() -> None:
    args = parse_args()
    with config_errors(args.config):
        cfg = make_cfg(args)
        for path in filter(None, (args.out, args.per_query)):  # not after the test
            path.parent.mkdir(parents=True, exist_ok=True)

    def test(runner: Runner) -> None:
        if args.per_query:
            set_per_query(runner.test_evaluator.metrics, str(args.per_query))
        if args.out and args.out.suffix in FEATURES:
            dump = DumpWhole(out_file_path=str(args.out))
            runner.test_evaluator.metrics.append(dump)
        metrics = runner.test()
        if args.out and args.out.suffix in METRICS and is_main_process():
            with written_whole(args.out) as file:
                mmengine.dump(metrics, file)

    run_among_ranks(cfg, test)


if __name__ == '__main__':
    main()
