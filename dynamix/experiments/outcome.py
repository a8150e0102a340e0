"""How a run of a grid stands."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """How a run stands.

    Attributes:
        state (str): ``'done'``, ``'failed'``, ``'unfinished'`` or ``'not run'``.
        scores (dict[str, dict[str, float]]): By target, percent; of a run that is
            done.
        label_f1 (float | None): See :func:`~dynamix.experiments.read_label_score`.
        seconds (float | None): Wall time; None of a run that was interrupted.
        code (str): What made the result, see
            :func:`~dynamix.experiments.source_digest`; ``'a+b'`` when other code
            resumed the run, ``'unknown'`` when the result does not tell.
        log (str): File with what the training printed; ``''`` where there is none.
    """

    state: str
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    label_f1: float | None = None
    seconds: float | None = None
    code: str = 'unknown'
    log: str = ''
