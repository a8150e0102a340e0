from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from dynamix.engine.hooks import InitialEvaluationHook


@pytest.mark.parametrize(
    ('iteration', 'evaluates', 'times'), [(0, True, 1), (7, True, 0), (0, False, 0)]
)
def test_evaluates_once_before_anything_is_learned(
    iteration: int, evaluates: bool, times: int
) -> None:
    runs: list[int] = []
    loop = SimpleNamespace(run=lambda: runs.append(iteration))
    runner = SimpleNamespace(
        iter=iteration,
        val_loop=loop if evaluates else None,
        logger=logging.getLogger('test'),
    )
    InitialEvaluationHook().before_train(runner)
    assert len(runs) == times
