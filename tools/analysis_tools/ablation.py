"""Runs the ablation (rows x test beds x seeds) and writes its tables.

    python tools/analysis_tools/ablation.py --tables deciding --seeds 5
    python tools/analysis_tools/ablation.py --bed synthetic real-crops --jobs 2
    python tools/analysis_tools/ablation.py --scale gpu --seeds 5 --jobs 8
    sbatch --array=1-20 ... --wrap 'python tools/analysis_tools/ablation.py \
        --seeds 5 --shard $SLURM_ARRAY_TASK_ID/20'
    python tools/analysis_tools/ablation.py --seeds 5 --gather-only

Rows are the configs of configs/ablation; `tables.py` there says which belong together.
Each run is `tools/train.py` with the row's config. Started again, it skips what is done
and resumes what was killed. A changed setting (of a config or by --cfg-options) makes
other runs, older ones stay. Changed code does not: what other code made stays done, but
there is a warning, and the tables tell. OUT gets results_<scale>.md, .json and .png.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from mmengine.logging import MMLogger

from dynamix.engine.command_line import positive
from dynamix.experiments import (
    Cell,
    RowSummary,
    Runs,
    Table,
    as_json,
    markdown,
    plot,
    read_tables,
    row_title,
    shard,
)

ROOT = Path(__file__).resolve().parents[2]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--bed',
        nargs='+',
        default=['synthetic'],
        help='test beds: synthetic, synthetic-clean, synthetic-noisy, real-crops, '
        'real-crops-pretrained (the last two need DYNAMIX_DATA, the last one also what '
        'configs/ablation/pretrain.py trains)',
    )
    parser.add_argument(
        '--scale', default='cpu', help='cpu (default), gpu (ResNet-50) or gpu-vit'
    )
    parser.add_argument('--tables', nargs='+', help='these tables only')
    parser.add_argument('--rows', nargs='+', help='run these rows only')
    parser.add_argument('--seeds', type=positive, default=3, help='how many, from 0 on')
    parser.add_argument('--reference', help='row that all tables are measured against')
    parser.add_argument('--jobs', type=positive, default=1, help='runs side by side')
    parser.add_argument(
        '--threads', type=positive, default=1, help='CPU threads of a run'
    )
    parser.add_argument('--shard', help='i/n: run the i-th of n parts, gather nothing')
    parser.add_argument('--gather-only', action='store_true', help='run nothing')
    parser.add_argument(
        '--out', default='work_dirs/ablation', help='folder of the runs'
    )
    parser.add_argument(
        '--configs', type=Path, default=ROOT / 'configs' / 'ablation', help='the rows'
    )
    parser.add_argument('--train-tool', default=ROOT / 'tools' / 'train.py')
    parser.add_argument(
        '--keep-checkpoints', action='store_true', help='also of runs that are done'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        help='for all runs, as of tools/train.py',
    )
    args = parser.parse_args()
    if args.shard:
        try:
            shard([], args.shard)
        except ValueError as error:
            parser.error(f'--shard: {error}')
    beds = args.configs / '_base_'
    known = sorted(path.stem.removeprefix('bed_') for path in beds.glob('bed_*.py'))
    if known and (unknown := [bed for bed in args.bed if bed not in known]):
        parser.error(f'--bed: there is no {unknown[0]!r} but {", ".join(known)}')
    return args


def visible_devices() -> list[str]:
    """Names of the GPUs that runs can be dealt to; none where there is but one."""
    count = torch.cuda.device_count()
    if count < 2:
        return []
    given = os.environ.get('CUDA_VISIBLE_DEVICES')
    return given.split(',') if given else [str(number) for number in range(count)]


def choose_tables(args: argparse.Namespace) -> list[Table]:
    """The tables to write, measured against ``--reference`` if it is given."""
    tables = read_tables(args.configs)
    unknown = [name for name in args.tables or () if name not in tables]
    if unknown:
        raise SystemExit(f'no table {unknown[0]!r} but {", ".join(tables)}')
    chosen = [tables[name] for name in args.tables or tables]
    if args.reference:
        chosen = [replace(table, reference=args.reference) for table in chosen]
    return chosen


def choose_rows(args: argparse.Namespace, tables: list[Table]) -> list[str]:
    """All rows of the tables, references too, in order and once each."""
    names = [row for table in tables for row in table.rows]
    names += [table.reference for table in tables]
    names = list(dict.fromkeys(names))
    for row in [*names, *(args.rows or ())]:
        if not (args.configs / f'{row}.py').is_file():
            raise SystemExit(f'there is no row {row!r}: {args.configs / row}.py')
    if unknown := [row for row in args.rows or () if row not in names]:
        raise SystemExit(f'row {unknown[0]!r} is in none of the tables chosen')
    return names


def summarise(runs: Runs, grid: dict[str, list[Cell]]) -> dict[str, RowSummary]:
    """What the runs of each row of a bed came to."""
    found: dict[str, RowSummary] = {}
    first: dict[str, str] = {}
    for row, cells in grid.items():
        outcomes = {cell.seed: runs.outcome(cell) for cell in cells}
        same_as = first.setdefault(runs.settings(cells[0])[1], row)
        found[row] = RowSummary(
            row, row_title(cells[0].config), '' if same_as == row else same_as, outcomes
        )
    return found


def main() -> None:
    args = parse_args()
    MMLogger.get_instance('ablation')
    tables = choose_tables(args)
    rows = choose_rows(args, tables)
    runs = Runs(args.out, args.train_tool, args.threads, args.keep_checkpoints)
    options = tuple(args.cfg_options)
    grid = {
        bed: {
            row: [
                Cell(args.configs / f'{row}.py', row, bed, args.scale, seed, options)
                for seed in range(args.seeds)
            ]
            for row in rows
        }
        for bed in args.bed
    }
    failures: list[str] = []
    if not args.gather_only:
        # Seeds outside: an interrupted grid has whole sets of rows.
        cells = [
            grid[bed][row][seed]
            for seed in range(args.seeds)
            for bed in args.bed
            for row in rows
            if not args.rows or row in args.rows
        ]
        cells = runs.distinct(cells)
        if args.shard:
            cells = shard(cells, args.shard)
        failures = runs.run_all(cells, args.jobs, visible_devices())
    if not args.shard:
        beds = {bed: summarise(runs, rows_of_bed) for bed, rows_of_bed in grid.items()}
        write(args, tables, beds)
    if failures:
        sys.exit(f'{len(failures)} runs failed:\n' + '\n'.join(failures))


def write(
    args: argparse.Namespace,
    tables: list[Table],
    beds: dict[str, dict[str, RowSummary]],
) -> None:
    command = ' '.join(['python', 'tools/analysis_tools/ablation.py', *sys.argv[1:]])
    out = Path(args.out) / f'results_{args.scale}.md'
    out.parent.mkdir(parents=True, exist_ok=True)
    text = f'# Ablation, scale {args.scale}\n\n`{command}`\n\n'
    out.write_text(text + markdown(beds, tables), encoding='utf-8')
    found = {bed: as_json(tables, rows) for bed, rows in beds.items()}
    result = dict(command=command, scale=args.scale, seeds=args.seeds, beds=found)
    out.with_suffix('.json').write_text(
        json.dumps(result, indent=1, allow_nan=False) + '\n', encoding='utf-8'
    )
    references = {table.reference for table in tables}
    plot(beds, out.with_suffix('.png'), sorted(references))
    print(f'wrote {out}, .json and .png')


if __name__ == '__main__':
    main()
