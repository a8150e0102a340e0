"""Scalars of a training log as curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


class Curve(NamedTuple):
    """``x`` and ``y``: ``[n]`` float64; ``x`` rises."""

    x: np.ndarray
    y: np.ndarray


def find_logs(path: str | Path) -> list[Path]:
    """The scalar log itself, or all those in a work directory, newest first.

    MMEngine names the folder of a log by when it was begun; times of files change when
    they are copied.

    Raises:
        FileNotFoundError: If there is none.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    logs = [*path.glob('vis_data/scalars.json'), *path.glob('*/vis_data/scalars.json')]
    if not logs:
        raise FileNotFoundError(
            f"'{path}' is neither a log nor a folder with */vis_data/scalars.json, "
            'where MMEngine writes the scalars of a run.'
        )
    return sorted(logs, key=lambda log: log.parent.parent.name, reverse=True)


def read_scalars(path: str | Path, x: str = 'step') -> dict[str, Curve]:
    """Reads the scalars that MMEngine's ``LocalVisBackend`` wrote.

    Args:
        path (str | Path): A log of one JSON object a line, or a work directory, whose
            newest run is taken: its newest log and, as far as that run was resumed,
            those before.
        x (str): The key that says where on the x axis a line belongs: ``'step'``,
            ``'iter'`` or ``'epoch'``. Lines without it are passed over. Defaults to
            ``'step'``.

    Returns:
        dict[str, Curve]: Every number of the log, by key. Where a run was resumed and
        logged a step again, the later line counts.

    Raises:
        FileNotFoundError: If there is no log.
        ValueError: If a line is not JSON. An unfinished last line, of a run that is
            going on, is passed over.
    """
    lines: list[dict[str, Any]] = []
    for log in find_logs(path):
        of_log = _read_lines(log)
        lines = of_log + lines
        if _begins_anew(of_log):
            break
    points: dict[str, dict[float, float]] = {}
    for values in lines:
        if x not in values:
            continue
        for key, value in values.items():
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if is_number and key != x:
                points.setdefault(key, {})[float(values[x])] = float(value)
    return {
        key: Curve(
            np.array(sorted(curve)), np.array([curve[at] for at in sorted(curve)])
        )
        for key, curve in points.items()
    }


def _begins_anew(lines: list[dict[str, Any]]) -> bool:
    """Whether a log is that of a run which was not resumed."""
    for line in lines:
        if 'epoch' in line:
            return line['epoch'] == 1
    # no iteration was logged: an evaluation's step is the epoch that it followed
    return all(line.get('step', 0) == 0 for line in lines)


def _read_lines(log: Path) -> list[dict[str, Any]]:
    found = []
    lines = log.read_text(encoding='utf-8').splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(f"line {number} of '{log}' is not JSON: {error}") from None
    return found


def select_curves(
    curves: Mapping[str, Curve], patterns: Sequence[str]
) -> dict[str, Curve]:
    """Curves whose key matches one of the patterns, in the patterns' order.

    Args:
        curves (Mapping[str, Curve]): All curves.
        patterns (Sequence[str]): Keys; ``*`` stands for anything.

    Returns:
        dict[str, Curve]: The chosen ones.

    Raises:
        ValueError: If nothing matches a pattern.
    """
    chosen: dict[str, Curve] = {}
    for pattern in patterns:
        found = [key for key in curves if fnmatchcase(key, pattern)]
        if not found:
            raise ValueError(
                f"the log has no key '{pattern}'; it has: {', '.join(sorted(curves))}."
            )
        chosen.update((key, curves[key]) for key in found)
    return chosen


def draw_curves(
    curves: Mapping[str, Curve], xlabel: str = 'step', ylabel: str = ''
) -> Figure:
    """Draws curves into one picture, with a legend.

    Args:
        curves (Mapping[str, Curve]): By the name in the legend. Values that are not
            finite leave a gap.
        xlabel (str): Defaults to ``'step'``.
        ylabel (str): Defaults to ``''``.

    Returns:
        Figure: 7 x 4 inches.
    """
    # No pyplot: it would keep global state and look for a screen.
    figure = Figure(figsize=(7, 4), layout='constrained')
    axes = figure.add_subplot()
    for name, curve in curves.items():
        few = len(curve.x) <= 40
        axes.plot(
            curve.x,
            np.where(np.isfinite(curve.y), curve.y, np.nan),
            marker='o' if few else None,
            markersize=3,
            linewidth=1.6,
            label=name,
        )
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axes.get_xlim()
    if high - low < 1:
        # whole numbers have ticks
        axes.set_xlim(np.floor(low), np.ceil(high))
    axes.grid(alpha=0.25)
    axes.spines[['top', 'right']].set_visible(False)
    for text in axes.legend(frameon=False).get_texts():
        text.set_parse_math(False)
    return figure
