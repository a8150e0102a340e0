"""Tests a checkpoint on unseen data: ``python tools/test.py CONFIG CHECKPOINT``."""

from __future__ import annotations

import argparse

import mmengine
from mmengine.config import Config
from mmengine.evaluator import DumpResults
from mmengine.runner import Runner

from dynamix.engine.command_line import parse_arguments, run_among_ranks
from dynamix.engine.launch import set_loader_defaults, set_work_dir


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Test a checkpoint.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs')
    parser.add_argument('--out', help='file for metrics (.json) or features (.pkl)')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        default='pred',
        help='what goes into --out; by default the data samples with their features',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    return parse_arguments(parser)


def make_cfg(args: argparse.Namespace) -> Config:
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.load_from = args.checkpoint
    cfg.resume = False
    set_work_dir(cfg, args.config, args.work_dir)
    if args.amp:
        cfg.test_cfg.fp16 = True
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    set_loader_defaults(cfg, not args.no_pin_memory)
    return cfg


def main() -> None:
    args = parse_args()

    def test(runner: Runner) -> None:
        if args.out and args.out_item == 'pred':
            runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
        metrics = runner.test()
        if args.out and args.out_item == 'metrics':
            mmengine.dump(metrics, args.out)

    run_among_ranks(make_cfg(args), test)


if __name__ == '__main__':
    main()
