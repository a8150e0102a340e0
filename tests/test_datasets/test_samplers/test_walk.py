from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dynamix.datasets.samplers import Walk


@given(size=st.integers(1, 9), start=st.integers(0, 40))
def test_passes_are_permutations(size: int, start: int) -> None:
    walk = Walk(size, 0, 3)
    steps = [walk.take(1)[0] for _ in range(start + 2 * size)]
    for begin in range(0, len(steps) - size + 1, size):
        assert sorted(steps[begin : begin + size]) == [*range(size)]
    late = Walk(size, start, 3)
    assert [late.take(1)[0] for _ in range(2 * size)] == steps[start:]


@given(
    size=st.integers(1, 9),
    calls=st.lists(
        st.tuples(st.integers(0, 10), st.sets(st.integers(0, 8))), max_size=12
    ),
)
def test_take_gives_different_positions_and_loses_none(
    size: int, calls: list[tuple[int, set[int]]]
) -> None:
    walk = Walk(size, 0, 3)
    given_out = [0] * size
    for count, excluded in calls:
        taken = walk.take(count, excluded)
        allowed = set(range(size)) - excluded
        assert len(taken) == len(set(taken)) == min(count, len(allowed))
        assert set(taken) <= allowed
        for step in taken:
            given_out[step] += 1
    # what waits is made up for before anything comes again too often
    rest = [walk.take(1)[0] for _ in range(size * (max(given_out) + 1))]
    total = [given_out[step] + rest.count(step) for step in range(size)]
    assert max(total) - min(total) <= 1 + max(given_out)
