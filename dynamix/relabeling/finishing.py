from __future__ import annotations

import time

import numpy as np

from .numbering import DROPPED
from .relabel import Relabeling
from .relabel_report import RelabelReport


def finish(
    identity: np.ndarray,
    current: np.ndarray,
    max_changed: float,
    insist: bool,
    report: RelabelReport,
    begin: float,
) -> Relabeling:
    """Applies the guard and fills in the report.

    Args:
        identity (np.ndarray): ``[n]`` int32 new labels.
        current (np.ndarray): ``[n]`` labels now.
        max_changed (float): Largest share of labels that may change at once.
        insist (bool): Let it change all the same.
        report (RelabelReport): Is filled in.
        begin (float): ``time.perf_counter()`` of the beginning.

    Returns:
        Relabeling: The labels, or ``current`` if the guard refuses.
    """
    report.changed = float(np.mean(identity != current)) if len(current) else 0.0
    if report.changed > max_changed and not insist:
        report.refused = (
            f'{report.changed:.1%} of the labels would change at once, more than '
            f'max_changed={max_changed:.1%}'
        )
        identity = current.astype(np.int32)
    report.drops = int(((identity == DROPPED) & (current != DROPPED)).sum())
    report.revived = int(((identity != DROPPED) & (current == DROPPED)).sum())
    report.identities_before = len(np.unique(current[current >= 0]))
    report.identities_after = len(np.unique(identity[identity >= 0]))
    report.seconds = time.perf_counter() - begin
    return Relabeling(identity, report)
