"""Prints the results of run.py as a markdown table for each bed.

    python benchmarks/ablation/table.py work_dirs/ablation --reference raw truth

Scores are those of the last evaluation in percent, averaged over the targets or those
of one --target; label F1 is that of the labels as used, averaged over the windows of a
run and over those of its second half. Values are mean ± standard deviation over seeds.
Differences of mAP are over the seeds that both rows have, p is that of the two-sided
paired t-test.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

# Result by seed, by row, by bed.
Results = dict[str, dict[str, dict[int, dict[str, Any]]]]


def read_results(folder: Path) -> Results:
    """Read ``<bed>/<row>/seed<N>.json`` of a folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    found: Results = {}
    for file in sorted(folder.glob('*/*/seed*.json')):
        result = json.loads(file.read_text(encoding='utf-8'))
        rows = found.setdefault(result['bed'], {})
        rows.setdefault(result['row'], {})[result['seed']] = result
    if not found:
        raise FileNotFoundError(f"'{folder}' has no results BED/ROW/seed<N>.json.")
    return found


def last(result: Mapping[str, Any], score: str) -> float:
    """Return a score of the last evaluation, such as ``'average/mAP'``."""
    return result['scores'][score][-1][1]


def label_f1(result: Mapping[str, Any], part: float = 1.0) -> float:
    """Return the mean label F1 over the last ``part`` of the windows; else NaN."""
    curves = result['label_f1']
    points = curves.get('f1') or curves.get('f1_after') or []
    values = [value for _, value in points]
    kept = values[len(values) - int(np.ceil(part * len(values))) :]
    return float(np.mean(kept)) if kept else float('nan')


def compare(ours: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    """Describe the paired difference over common seeds and its p."""
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return '-'
    pair = [np.array([row[seed] for seed in seeds]) for row in (ours, theirs)]
    gap = pair[0] - pair[1]
    if len(gap) == 1:
        return f'{gap[0]:+.1f} (n = 1)'
    p = stats.ttest_rel(*pair).pvalue
    chance = 'p < 0.001' if p < 0.001 else f'p = {p:.3f}'
    return f'{gap.mean():+.1f} ± {gap.std(ddof=1):.1f}, {chance} (n = {len(gap)})'


def spread(values: Iterable[float], digits: int) -> str:
    """Describe mean and standard deviation of the values that are not NaN."""
    array = np.array([value for value in values if not np.isnan(value)])
    if not len(array):
        return '-'
    text = f'{array.mean():.{digits}f}'
    return text + (f' ± {array.std(ddof=1):.{digits}f}' if len(array) > 1 else '')


def table(
    rows: Mapping[str, Mapping[int, Mapping[str, Any]]],
    references: list[str],
    target: str = 'average',
) -> str:
    """Format the rows of a bed as markdown.

    Args:
        rows (Mapping): Results by row and seed.
        references (list[str]): Rows to compare with; those without results are left
            out.
        target (str): Whose scores. Defaults to the average of the targets.
    """
    maps = {
        row: {seed: last(result, f'{target}/mAP') for seed, result in of_row.items()}
        for row, of_row in rows.items()
    }
    references = [row for row in references if row in rows]
    head = ['row', 'mAP', 'Rank-1', 'label F1', 'F1, second half']
    head += [f'mAP over {row}' for row in references] + ['s', 'seeds']
    lines = [f'| {" | ".join(head)} |', '|' + ' --- |' * len(head)]
    for row, of_row in rows.items():
        results = of_row.values()
        cells = [
            row,
            spread(maps[row].values(), 1),
            spread((last(result, f'{target}/Rank-1') for result in results), 1),
            spread(map(label_f1, results), 3),
            spread((label_f1(result, 0.5) for result in results), 3),
        ]
        cells += [
            '' if row == name else compare(maps[row], maps[name]) for name in references
        ]
        cells += [f'{np.mean([r["seconds"] for r in results]):.0f}', str(len(of_row))]
        lines.append(f'| {" | ".join(cells)} |')
    commits = Counter(r['commit'] for of_row in rows.values() for r in of_row.values())
    runs = ', '.join(f'{commit} ({count})' for commit, count in commits.items())
    return '\n'.join([*lines, '', f'Commits (runs): {runs}.'])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folder', type=Path, help='--work-dirs of run.py')
    parser.add_argument('--reference', nargs='+', default=['raw'], metavar='ROW')
    parser.add_argument('--target', default='average', help='whose scores')
    args = parser.parse_args()
    for bed, rows in read_results(args.folder).items():
        print(f'## {bed}\n\n{table(rows, args.reference, args.target)}\n')


if __name__ == '__main__':
    main()
