"""The tables and the picture of an ablation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .grid import Table
from .paired_tests import PairedComparison
from .results import SCORES
from .runs import count_runs
from .summary import RowSummary, codes, comparisons, mean_and_std

LEGEND = """\
Mean ± standard deviation over seeds; mAP and Rank-1 in percent, averaged over the
unseen targets. Δ is the mean difference of mAP to the reference row over the seeds that
both rows have; p (t) is of the two-sided paired t-test, p (flip) of the exact two-sided
sign-flip test, which cannot be below 2 / 2^seeds (0.0625 for five seeds). Label F1 is
pairwise, within videos, at the end of training. Time is that of a whole run, evaluation
included. Code names the version of the package, by a digest of its sources, that made
the runs; those of different code compare only where nothing that counts was changed.
"""


def markdown(
    beds: Mapping[str, Mapping[str, RowSummary]], tables: Sequence[Table]
) -> str:
    """All tables as text.

    Args:
        beds (Mapping[str, Mapping[str, RowSummary]]): For each bed its rows by name.
        tables (Sequence[Table]): Which tables to write.
    """
    parts = [LEGEND]
    for bed, rows in beds.items():
        parts.append(f'## {bed}\n')
        for table in tables:
            parts.append(_table(table, rows))
            if made := codes(table, rows):
                parts.append(f'{count_runs(made).capitalize()}.\n')
        parts.append(_by_target(rows))
    return '\n'.join(parts)


def _table(table: Table, rows: Mapping[str, RowSummary]) -> str:
    tested, reference = comparisons(table, rows), table.reference
    lines = [
        f'### {table.title}\n',
        f'Reference: `{reference}` ({rows[reference].title}).\n',
        '| row | mAP | Rank-1 | Δ mAP | p (t) | p (flip) | label F1 | s | seeds |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for name in table.rows:
        row, test = rows[name], tested[name]
        cells = [_title(row)]
        if row.done:
            cells += [
                _spread(list(row.scores().values())),
                _spread(list(row.scores(score='Rank-1').values())),
                *_test(test, name == reference),
                _spread(row.values('label_f1'), 3),
                _spread(row.values('seconds'), 0),
                str(len(row.done)) + (f' ({row.missing})' if row.missing else ''),
            ]
        else:
            cells += [row.missing, *[''] * 6, '0']
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def _by_target(rows: Mapping[str, RowSummary]) -> str:
    targets = list(dict.fromkeys(t for row in rows.values() for t in row.targets))
    targets = [target for target in targets if target != 'average']
    if not targets:
        return ''
    lines = [
        '### By target: mAP / Rank-1\n',
        f'| row | {" | ".join(targets)} |',
        '|---' * (len(targets) + 1) + '|',
    ]
    for row in rows.values():
        cells = [_title(row)]
        for target in targets:
            pair = [
                mean_and_std(list(row.scores(target, score).values()))[0]
                for score in SCORES
            ]
            known = not any(map(math.isnan, pair))
            cells.append(f'{pair[0]:.1f} / {pair[1]:.1f}' if known else row.missing)
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def _title(row: RowSummary) -> str:
    return row.title + (f' (= `{row.same_as}`)' if row.same_as else '')


def _spread(values: Sequence[float], digits: int = 1) -> str:
    mean, std = mean_and_std(values)
    if math.isnan(mean):
        return '-'
    text = f'{mean:.{digits}f}'
    return text if math.isnan(std) else f'{text} ± {std:.{digits}f}'


def _test(test: PairedComparison, is_reference: bool) -> list[str]:
    if is_reference:
        return ['reference', '', '']
    if not test.seeds:
        return ['no common seed', '', '']
    gap = f'{test.difference:+.1f}'
    if not math.isnan(test.std):
        gap += f' ± {test.std:.1f}'
    return [gap, _p(test.p_t), _p(test.p_sign_flip)]


def _p(value: float) -> str:
    if math.isnan(value):
        return '-'
    return f'{value:.3f}' if value >= 0.001 else '< 0.001'


def plot(
    beds: Mapping[str, Mapping[str, RowSummary]],
    out_file: str | Path,
    references: Sequence[str] = (),
) -> None:
    """Draws average mAP of each row: the mean, its deviation, and every seed.

    Args:
        beds (Mapping[str, Mapping[str, RowSummary]]): For each bed its rows by name;
            one panel a bed. What a bed lacks stays empty.
        out_file (str | Path): Picture to write; its folder is made.
        references (Sequence[str]): Rows whose mean is drawn through the panel.
            Defaults to ``()``.
    """
    titles = {name: row.title for rows in beds.values() for name, row in rows.items()}
    size = (3.2 + 4.2 * len(beds), 1.1 + 0.3 * len(titles))
    figure = Figure(figsize=size, layout='constrained')
    panels = figure.subplots(1, len(beds), squeeze=False, sharey=True)[0]
    for axes, (bed, rows) in zip(panels, beds.items()):
        _panel(axes, bed, [rows.get(name) for name in titles], references)
    panels[0].set_yticks(range(len(titles)), list(titles.values()))
    panels[0].set_ylim(len(titles) - 0.4, -0.6)
    out_file = Path(out_file)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out_file, dpi=130)


def _panel(
    axes: Axes,
    bed: str,
    rows: Sequence[RowSummary | None],
    references: Sequence[str],
) -> None:
    for place, row in enumerate(rows):
        if row is None:
            continue
        values = list(row.scores().values())
        if not values:
            axes.text(
                0.02,
                place,
                row.missing,
                transform=axes.get_yaxis_transform(),
                color='0.5',
                fontsize=8,
                va='center',
            )
            continue
        mean, std = mean_and_std(values)
        color = 'tab:orange' if row.row in references else 'tab:blue'
        if row.row in references:
            axes.axvline(mean, color=color, linewidth=0.8, alpha=0.6)
        axes.errorbar(
            mean, place, xerr=np.nan_to_num(std), fmt='o', color=color, capsize=3
        )
        axes.plot(values, [place] * len(values), '.', color='0.35', markersize=4)
    axes.set(title=bed, xlabel='mAP of unseen targets, %')
    axes.grid(axis='x', alpha=0.25)
    axes.spines[['top', 'right']].set_visible(False)
