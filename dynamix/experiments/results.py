"""What a run of training came to, read from its scalars."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mmengine.config import Config

from dynamix.registry import DATASETS
from dynamix.relabeling import score_labels
from dynamix.visualization import read_scalars

SCORES = ('mAP', 'Rank-1')


def read_scores(work_dir: str | Path, epochs: int) -> dict[str, dict[str, float]]:
    """Scores after the last epoch, from the logs in a work directory.

    Args:
        work_dir (str | Path): Of the run.
        epochs (int): How many the run was to have.

    Returns:
        dict[str, dict[str, float]]: ``mAP`` and ``Rank-1`` in percent of each target
        and of ``'average'``; empty when the run did not come to its last evaluation.
    """
    try:
        curves = read_scalars(work_dir)
    except FileNotFoundError:
        return {}
    found: dict[str, dict[str, float]] = {}
    for key, curve in curves.items():
        target, _, score = key.rpartition('/')
        if score in SCORES and curve.x[-1] == epochs:
            found.setdefault(target, {})[score] = float(curve.y[-1])
    return found if 'average' in found else {}


def read_label_score(work_dir: str | Path, cfg: Config) -> float | None:
    """Pairwise F1 of the labels that training ended with.

    Args:
        work_dir (str | Path): Of the run.
        cfg (Config): Of the run.

    Returns:
        float | None: In 0..1. As the last relabeling reported it; where there was
        none, that of the labels the data came with. None where there are no
        single-camera images or the truth is unknown.
    """
    logged = read_scalars(work_dir).get('relabel/f1_after')
    if logged is not None:
        return float(logged.y[-1])
    source: dict[str, Any] = dict(cfg.train_dataloader.dataset, pipeline=[])
    dataset = DATASETS.build(source)
    dataset.full_init()
    rows = dataset.identity_table.single_camera
    if dataset.truth is None or rows.start == rows.stop:
        return None
    score = score_labels(
        dataset.identity_table.identity[rows], dataset.truth[rows], dataset.video[rows]
    )['f1']
    return score if math.isfinite(score) else None
