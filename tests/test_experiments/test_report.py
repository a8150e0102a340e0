from __future__ import annotations

from matplotlib.figure import Figure

from dynamix.experiments.outcome import Outcome
from dynamix.experiments.report import plot
from dynamix.experiments.summary import RowSummary


def row(name, mean):
    score = {'average': {'mAP': mean}}
    return RowSummary(name, f'Row {name}', '', {0: Outcome('done', score)})


def test_a_row_has_one_place_in_all_panels(tmp_path, monkeypatch):
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, 'savefig', lambda self, *a, **k: [figures.append(self), save(self, *a)]
    )
    beds = dict(
        drawn={'a': row('a', 10.0), 'b': row('b', 20.0)},
        real={'b': row('b', 30.0), 'c': row('c', 40.0)},
    )
    plot(beds, tmp_path / 'new' / 'plot.png')
    assert (tmp_path / 'new' / 'plot.png').stat().st_size > 0
    [figure] = figures
    first, second = figure.axes
    assert [t.get_text() for t in first.get_yticklabels()] == [
        'Row a',
        'Row b',
        'Row c',
    ]
    for axes, expected in ((first, {(10, 0), (20, 1)}), (second, {(30, 1), (40, 2)})):
        points = {
            (float(x), float(y))
            for line in axes.lines
            for x, y in zip(line.get_xdata(), line.get_ydata())
        }
        assert expected <= points
        assert {y for _, y in points} == {y for _, y in expected}
