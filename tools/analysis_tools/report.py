"""Writes a report of a run: one HTML page that needs no other file.

    python tools/analysis_tools/report.py work_dirs/NAME --out report.html

The page holds the data, curves, table of targets and config of the run. Its last
checkpoint ranks the best and worst queries of each target, and relabels the last window
once more, so that one sees what was joined, split off and dropped. A section whose data
are not there says so.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dynamix.apis.run_report import report_run
from dynamix.config_checks import check_whole
from dynamix.engine.checkpoint_file import latest_checkpoint
from dynamix.engine.command_line import add_embedding_options, config_errors
from dynamix.output_file import written_whole
from dynamix.visualization.run_log import read_run_log


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dir', type=Path, help='work directory of the run')
    parser.add_argument(
        '--out', type=Path, default=Path('report.html'), help='page to write'
    )
    parser.add_argument(
        '--checkpoint',
        type=Path,
        help='whose model to use, e.g. the best; by default the last one',
    )
    parser.add_argument(
        '--queries',
        type=int,
        default=4,
        help='so many best and worst queries of each target; 0: none',
    )
    parser.add_argument(
        '--videos',
        type=int,
        default=3,
        help='relabeling sheets of so many videos of the last window; 0: none',
    )
    add_embedding_options(parser)
    args = parser.parse_args()
    if args.out.suffix not in ('.html', '.htm'):
        parser.error(f'--out {args.out}: expected a file that ends in .html')
    try:
        check_whole('--queries', args.queries, 0)
        check_whole('--videos', args.videos, 0)
        check_whole('--batch-size', args.batch_size, 1)
        read_run_log(args.work_dir)
        args.out.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if args.checkpoint and not args.checkpoint.is_file():
        parser.error(f'--checkpoint {args.checkpoint}: there is no such file')
    return args


@config_errors(kinds=(OSError, ValueError))
def main() -> None:
    args = parse_args()
    page = report_run(
        args.work_dir,
        args.checkpoint or latest_checkpoint(args.work_dir)[0],
        args.queries,
        args.videos,
        dict(batch_size=args.batch_size, num_workers=args.num_workers),
        args.device,
    )
    with written_whole(args.out) as file:
        # names of files may be no UTF-8
        file.write_text(page, encoding='utf-8', errors='replace')
    print(f'wrote {args.out}, {len(page) / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
