from __future__ import annotations

import time
from typing import NamedTuple, Protocol

import numpy as np

from dynamix.structures import DROPPED

from .relabel_report import RelabelReport


class Relabeling(NamedTuple):
    """Result of a relabeling.

    Args:
        identity (np.ndarray): ``[n]`` int32 new labels; -1: dropped.
        report (RelabelReport): What was done.
    """

    identity: np.ndarray
    report: RelabelReport


class Guard(Protocol):
    """What all rules have: how much may change at once, and whether to insist."""

    @property
    def max_changed(self) -> float: ...

    @property
    def insist(self) -> bool: ...


def conclude(
    identity: np.ndarray,
    current: np.ndarray,
    rule: Guard,
    report: RelabelReport,
    begin: float,
) -> Relabeling:
    """Refuses a relabeling that changes too much, and completes the report.

    Args:
        identity (np.ndarray): ``[n]`` the labels found.
        current (np.ndarray): ``[n]`` the labels now.
        rule (Guard): The rule of any scope.
        report (RelabelReport): What is known so far; completed in place.
        begin (float): ``time.perf_counter()`` when relabeling began.

    Returns:
        Relabeling: The labels found, or those of now.
    """
    report.changed = float(np.mean(identity != current)) if len(current) else 0.0
    report.seconds = time.perf_counter() - begin
    if report.changed > rule.max_changed and not rule.insist:
        why = (
            f'{report.changed:.1%} of the labels would change at once, more than '
            f'max_changed={rule.max_changed:.1%}'
        )
        return refuse(Relabeling(identity, report), current, why)
    return _counted(identity, current, report)


def refuse(found: Relabeling, current: np.ndarray, why: str) -> Relabeling:
    """Leaves the labels as they are.

    Args:
        found (Relabeling): What was found; its report is changed in place.
        current (np.ndarray): ``[n]`` the labels now.
        why (str): What the report says of it.

    Returns:
        Relabeling: The labels of now.
    """
    found.report.refused = why
    return _counted(current.astype(np.int32), current, found.report)


def _counted(
    identity: np.ndarray, current: np.ndarray, report: RelabelReport
) -> Relabeling:
    report.drops = int(((identity == DROPPED) & (current != DROPPED)).sum())
    report.revived = int(((identity != DROPPED) & (current == DROPPED)).sum())
    report.identities_before = len(np.unique(current[current >= 0]))
    report.identities_after = len(np.unique(identity[identity >= 0]))
    return Relabeling(identity, report)
