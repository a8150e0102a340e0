"""Trains a model.

python tools/train.py configs/dynamix_r18_synthetic.py
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from mmengine.config import Config
from mmengine.runner import Runner

from dynamix.config_checks import check_whole
from dynamix.engine.checkpoint_file import choose_start
from dynamix.engine.command_line import config_errors, merge_options, parse_arguments
from dynamix.engine.hooks import ResumedEvaluationHook
from dynamix.engine.launch import (
    launched_rank,
    run_among_ranks,
    set_loader_defaults,
    set_work_dir,
    share_out_batch,
)
from dynamix.engine.work_dir_lock import work_dir_lock


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='continue from this checkpoint, or from the latest in the work dir; while '
        'there is none, begin as without --resume',
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
    return parse_arguments(parser)


def make_cfg(args: argparse.Namespace) -> tuple[Config, list[str]]:
    """Returns the config for the Runner, and what to say in the log."""
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    set_work_dir(cfg, args.config, args.work_dir)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        cfg.optim_wrapper.type = 'dynamix.BFloat16OptimWrapper'
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    merge_options(cfg, args.cfg_options)
    # MMEngine divides by it after the first epoch
    val_interval = (cfg.get('train_cfg') or {}).get('val_interval', 1)
    check_whole('train_cfg.val_interval', val_interval, 1)
    set_loader_defaults(cfg)
    notes = (
        choose_start(cfg, args.resume),
        share_out_batch(cfg, launched_rank(args.launcher)[1]),
    )
    return cfg, [note for note in notes if note is not None]


def main() -> None:
    args = parse_args()
    with config_errors(args.config):
        cfg, notes = make_cfg(args)

    def train(runner: Runner) -> None:
        for note in notes:
            runner.logger.info(note)
        runner.register_hook(ResumedEvaluationHook())
        runner.train()

    with ExitStack() as stack:
        if launched_rank(cfg.launcher)[0] == 0:
            with config_errors():
                stack.enter_context(work_dir_lock(cfg.work_dir))
        run_among_ranks(cfg, train)


if __name__ == '__main__':
    main()
