from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np

from dynamix.relabeling import RelabelReport, score_labels


def describe_report(report: RelabelReport) -> dict[str, float]:
    """The numbers of a report that can be drawn as curves."""
    return {
        key: value
        for key, value in asdict(report).items()
        if key not in ('refused', 'seconds') and math.isfinite(value)
    }


def score_stages(
    stages: dict[str, np.ndarray], truth: np.ndarray, video: np.ndarray, across: bool
) -> tuple[dict[str, float], list[str]]:
    """Scores labels of several stages by the truth.

    Args:
        stages (dict[str, np.ndarray]): ``[n]`` labels by name; -1: dropped.
        truth (np.ndarray): ``[n]`` who is shown; -1: nobody.
        video (np.ndarray): ``[n]`` integers.
        across (bool): Count pairs of images of different videos as well, apart.

    Returns:
        tuple[dict[str, float], list[str]]: ``f1_<name>`` and ``ari_<name>`` within
        videos, and if asked for ``f1_<name>_all`` and ``ari_<name>_all``; lines for
        the log with all scores.
    """
    scalars: dict[str, float] = {}
    lines = []
    for name, labels in stages.items():
        for suffix, place, of in (
            ('', '', video),
            ('_all', ', across videos too', None),
        )[: 2 if across else 1]:
            score = score_labels(labels, truth, of)
            scalars |= {f'{key}_{name}{suffix}': score[key] for key in ('f1', 'ari')}
            text = ', '.join(f'{key} {value:.4f}' for key, value in score.items())
            lines.append(f'    labels {name:>7}{place}: {text}')
    return scalars, lines
