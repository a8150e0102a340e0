"""Trains a model: ``python tools/train.py CONFIG``."""

from __future__ import annotations

import argparse

from mmengine.config import Config
from mmengine.runner import Runner

from dynamix.engine.command_line import parse_arguments, run_among_ranks
from dynamix.engine.launch import (
    set_loader_defaults,
    set_work_dir,
    share_out_batch,
    world_size_of,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or from the latest in the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16)')
    parser.add_argument(
        '--no-validate', action='store_true', help='no evaluation during training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the global batch size over '
        'auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='let loader workers end with the epoch',
    )
    return parse_arguments(parser)


def make_cfg(args: argparse.Namespace) -> Config:
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    set_work_dir(cfg, args.config, args.work_dir)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise ValueError(
                f'--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...) in '
                f'{args.config}: the global batch size that its lr is meant for.'
            )
        cfg.auto_scale_lr.enable = True
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    set_loader_defaults(cfg, not args.no_pin_memory, not args.no_persistent_workers)
    share_out_batch(cfg, world_size_of(args.launcher))
    return cfg


def main() -> None:
    run_among_ranks(make_cfg(parse_args()), Runner.train)


if __name__ == '__main__':
    main()
