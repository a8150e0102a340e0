"""Means, deviations and tests of the rows of an ablation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .grid import Table
from .outcome import Outcome
from .paired_tests import PairedComparison, compare_paired
from .results import SCORES


@dataclass(frozen=True)
class RowSummary:
    """A row over its seeds.

    Attributes:
        row (str): Its name.
        title (str): What it is.
        same_as (str): The earlier row with equal settings, whose runs these are;
            ``''`` where there is none.
        outcomes (dict[int, Outcome]): By seed.
    """

    row: str
    title: str
    same_as: str
    outcomes: dict[int, Outcome]

    @property
    def done(self) -> dict[int, Outcome]:
        """The runs that have a result, by seed."""
        return {s: o for s, o in self.outcomes.items() if o.state == 'done'}

    @property
    def targets(self) -> list[str]:
        """Names of the targets; ``'average'`` comes last."""
        names = dict.fromkeys(t for o in self.done.values() for t in o.scores)
        return sorted(names, key=lambda name: name == 'average')

    def scores(self, target: str = 'average', score: str = 'mAP') -> dict[int, float]:
        """A score of each seed that has it."""
        return {
            seed: outcome.scores[target][score]
            for seed, outcome in self.done.items()
            if score in outcome.scores.get(target, {})
        }

    def values(self, name: str) -> list[float]:
        """``label_f1`` or ``seconds`` of the seeds that have it."""
        found = (getattr(outcome, name) for outcome in self.done.values())
        return [value for value in found if value is not None]

    @property
    def missing(self) -> str:
        """What to say of the seeds without a result; ``''`` where all have one."""
        states = Counter(o.state for o in self.outcomes.values() if o.state != 'done')
        if states == {'not run': len(self.outcomes)}:
            return 'not run'
        return ', '.join(f'{count} {state}' for state, count in states.items())


def mean_and_std(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation (``n - 1``); NaN where there is none."""
    mean = float(np.mean(values)) if len(values) else math.nan
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def comparisons(
    table: Table, rows: Mapping[str, RowSummary]
) -> dict[str, PairedComparison]:
    """Average mAP of each row of a table against its reference, seed by seed.

    Args:
        table (Table): The table.
        rows (Mapping[str, RowSummary]): All rows, the reference too.
    """
    against = rows[table.reference].scores()
    return {row: compare_paired(rows[row].scores(), against) for row in table.rows}


def codes(table: Table, rows: Mapping[str, RowSummary]) -> dict[str, int]:
    """How many runs of a table, its reference included, each code made.

    Args:
        table (Table): The table.
        rows (Mapping[str, RowSummary]): All rows, the reference too.

    Returns:
        dict[str, int]: By :attr:`Outcome.code`, the most first.
    """
    names = (*table.rows, table.reference)
    distinct = {rows[name].same_as or name: rows[name] for name in names}
    made = (o.code for row in distinct.values() for o in row.done.values())
    return dict(Counter(made).most_common())


def as_json(tables: Sequence[Table], rows: Mapping[str, RowSummary]) -> dict[str, Any]:
    """Everything about one bed, in JSON types; NaN becomes None."""
    found: dict[str, Any] = dict(rows={}, tables={})
    for name, row in rows.items():
        scores = {
            target: {
                score: dict(zip(('mean', 'std'), mean_and_std(values)), by_seed=by_seed)
                for score in SCORES
                if (values := list((by_seed := row.scores(target, score)).values()))
            }
            for target in row.targets
        }
        found['rows'][name] = dict(
            title=row.title,
            same_as=row.same_as or None,
            missing=row.missing or None,
            scores=scores,
            label_f1=dict(zip(('mean', 'std'), mean_and_std(row.values('label_f1')))),
            seconds=dict(zip(('mean', 'std'), mean_and_std(row.values('seconds')))),
            code={s: o.code for s, o in row.done.items()},
            logs={s: o.log for s, o in row.outcomes.items() if o.state == 'failed'},
        )
    for table in tables:
        tested = comparisons(table, rows)
        found['tables'][table.name] = dict(
            title=table.title,
            reference=table.reference,
            code=codes(table, rows),
            rows={row: asdict(tested[row]) for row in table.rows},
        )
    return _without_nan(found)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
