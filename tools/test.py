"""Tests a checkpoint on unseen data: ``python tools/test.py CONFIG CHECKPOINT``."""

from __future__ import annotations

import argparse
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.runner import Runner

from dynamix.engine.command_line import (
    merge_options,
    parse_arguments,
    require_sections,
)
from dynamix.engine.launch import run_among_ranks, set_loader_defaults, set_work_dir
from dynamix.engine.output_file import written_whole

# what can be written into which files; the first that fits is meant
SUFFIXES = dict(
    pred=('.pkl', '.pickle'),
    metrics=('.json', '.yaml', '.yml', '.pkl', '.pickle'),
)


class DumpWhole(DumpResults):
    """MMEngine's ``DumpResults`` that leaves no incomplete file."""

    def compute_metrics(self, results: list) -> dict:
        with written_whole(self.out_file_path) as file:
            mmengine.dump(results, file)
        return {}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Test a checkpoint.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs')
    parser.add_argument('--out', help='file for metrics (.json) or features (.pkl)')
    parser.add_argument(
        '--out-item',
        choices=[*SUFFIXES],
        help='what goes into --out: pred, the data samples with their features, or '
        'metrics; by default what its suffix says',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help="mixed precision, MMEngine's test_cfg.fp16: float16 on a GPU (--amp of "
        'tools/train.py is bfloat16), bfloat16 on a CPU',
    )
    args = parse_arguments(parser)
    try:
        args.out_item = choose_out_item(args.out, args.out_item)
    except ValueError as error:
        parser.error(str(error))
    return args


def choose_out_item(out: str | None, item: str | None) -> str | None:
    """What goes into a file, found out before the test runs.

    Args:
        out (str, optional): ``--out``.
        item (str, optional): ``--out-item``; None: as the suffix of ``out`` says.

    Returns:
        str, optional: A key of ``SUFFIXES``; None without ``out``.

    Raises:
        ValueError: If ``out`` is missing or cannot hold it.
    """
    if out is None:
        if item is not None:
            raise ValueError(f'--out-item {item} needs --out')
        return None
    suffix = Path(out).suffix
    for name, suffixes in SUFFIXES.items():
        if suffix in suffixes and item in (None, name):
            return name
    possible = SUFFIXES[item] if item else SUFFIXES['metrics']
    raise ValueError(
        f'--out {out}: expected a file that ends in {", ".join(possible)}'
        f"{f' for --out-item {item}' if item else ''}, but found '{suffix}'"
    )


def make_cfg(args: argparse.Namespace) -> Config:
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.load_from = args.checkpoint
    cfg.resume = False
    set_work_dir(cfg, args.config, args.work_dir)
    if args.amp:
        require_sections(cfg, 'test_cfg')
        cfg.test_cfg.fp16 = True
    merge_options(cfg, args.cfg_options)
    require_sections(cfg, 'model', 'test_dataloader', 'test_cfg', 'test_evaluator')
    set_loader_defaults(cfg)
    return cfg


def main() -> None:
    args = parse_args()
    if args.out:  # now, not after the test
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)

    def test(runner: Runner) -> None:
        if args.out_item == 'pred':
            runner.test_evaluator.metrics.append(DumpWhole(out_file_path=args.out))
        metrics = runner.test()
        if args.out_item == 'metrics' and is_main_process():
            with written_whole(args.out) as file:
                mmengine.dump(metrics, file)

    run_among_ranks(make_cfg(args), test)


if __name__ == '__main__':
    main()
