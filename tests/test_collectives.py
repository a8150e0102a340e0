from __future__ import annotations

import pytest

from dynamix.collectives import on_every_rank
from tests.gloo_ranks import run_ranks


def _work(rank: int, count: int, failing: int | None) -> str:
    def work() -> int:
        if rank == failing:
            raise OSError(f'disk of rank {rank}')
        return rank + 10

    try:
        return str(on_every_rank(work, 'embedding'))
    except (OSError, RuntimeError) as error:
        return f'{type(error).__name__}: {error}'


def test_a_failure_on_one_rank_ends_all_with_its_message() -> None:
    assert run_ranks(2, _work, None) == ['10', '11']
    assert run_ranks(2, _work, 1) == [
        'RuntimeError: embedding failed on rank 1: OSError: disk of rank 1',
        'OSError: disk of rank 1',
    ]


def test_one_process_needs_no_group() -> None:
    assert _work(0, 1, None) == '10'
    with pytest.raises(KeyError):
        on_every_rank(lambda: {}['no'], 'work')
