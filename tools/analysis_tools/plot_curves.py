"""Plots scalars of one or more training logs.

    python tools/analysis_tools/plot_curves.py work_dirs/dynamix_r18_synthetic \\
        --keys relabel/f1_tracker relabel/f1_after --out f1.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.backend_bases import FigureCanvasBase

from dynamix.engine.command_line import config_errors
from dynamix.output_file import written_whole
from dynamix.visualization import draw_curves, read_scalars, select_curves


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'logs', nargs='+', help='work directories, or the scalars.json of runs'
    )
    parser.add_argument(
        '--keys', nargs='+', required=True, help="keys to plot; '*' matches anything"
    )
    parser.add_argument('--out', default='curves.png', help='picture to write')
    parser.add_argument(
        '--x', default='step', choices=['step', 'iter', 'epoch'], help='x axis'
    )
    args = parser.parse_args()
    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(args.out).suffix.lower()[1:] not in formats:
        parser.error(f'--out {args.out}: expected .{", .".join(sorted(formats))}')
    return args


@config_errors(kinds=(OSError, ValueError))
def main() -> None:
    args = parse_args()
    curves = {}
    for log in args.logs:
        chosen = select_curves(read_scalars(log, args.x), args.keys)
        for key, curve in chosen.items():
            curves[key if len(args.logs) == 1 else f'{log}: {key}'] = curve
    with written_whole(args.out) as file:
        draw_curves(curves, args.x).savefig(file, dpi=150)
    print(f'wrote {len(curves)} curves to {args.out}')


if __name__ == '__main__':
    main()
