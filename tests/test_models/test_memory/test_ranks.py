from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.gloo_ranks import run_ranks

from .ranks import COUNT, LOSSES, STEPS, both_ways, steps


@pytest.fixture(scope='module')
def unbroken() -> dict[str, Any]:
    return steps(0, 1, list(range(STEPS)), None, sharded=False)


@pytest.fixture(scope='module')
def halves() -> dict[int, list[list[dict[str, Any]]]]:
    """The first steps on one, two and three ranks."""
    numbers = list(range(STEPS // 2))
    return {size: run_ranks(size, both_ways, numbers) for size in (1, 2, 3)}


def assert_joint(
    ranks: list[list[dict[str, Any]]], expected: dict[str, Any], numbers: range
) -> None:
    """The parts of all ranks, put together, are what one process has."""
    for sharded in (False, True):
        for name in LOSSES:
            for place, number in enumerate(numbers):
                for key in ('values', 'gradients'):
                    found = [rank[sharded][name][key][place] for rank in ranks]
                    torch.testing.assert_close(
                        torch.cat(found),
                        expected[name][key][number],
                        rtol=1e-9,
                        atol=1e-11,
                        msg=lambda text, case=(name, key, number): f'{case}: {text}',
                    )


def test_losses_differ(unbroken: dict[str, Any]) -> None:
    """Else their agreement over ranks would say nothing."""
    first = {name: result['values'][0] for name, result in unbroken.items()}
    assert first['exact'].count_nonzero() > 6
    for name in ('smoothing', 'one_hard', 'some_hard', 'sampled', 'few_sampled'):
        assert not torch.allclose(first[name], first['exact'], rtol=1e-3), name
    torch.testing.assert_close(first['more_hard_than_there_are'], first['exact'])
    state = unbroken['exact']['state'][1]
    assert COUNT / 2 < int(state['initialized'].sum()) < COUNT


@pytest.mark.parametrize('size', [1, 2, 3])
def test_ranks_equal_one_process(
    size: int, halves: dict[int, Any], unbroken: dict[str, Any]
) -> None:
    assert_joint(halves[size], unbroken, range(STEPS // 2))


@pytest.mark.parametrize(
    ('saved', 'resumed'), [(1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2)]
)
def test_saved_with_some_ranks_resumed_with_others(
    saved: int,
    resumed: int,
    halves: dict[int, Any],
    unbroken: dict[str, Any],
) -> None:
    state = halves[saved][0][1]
    numbers = range(STEPS // 2, STEPS)
    ranks = run_ranks(resumed, both_ways, list(numbers), state)
    assert_joint(ranks, unbroken, numbers)
    for result in ranks[0]:
        for name in LOSSES:
            for found, expected in zip(result[name]['state'], unbroken[name]['state']):
                assert found.keys() == expected.keys()
                for key, value in expected.items():
                    assert torch.equal(found[key], value), (name, key)
