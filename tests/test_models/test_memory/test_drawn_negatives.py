from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.models.memory import draw_negatives, streamed_softmax_loss


def drawn_rows(count: int, fraction: float, draw: int) -> list[int]:
    valid = torch.ones(count, dtype=torch.bool)
    rows, _ = draw_negatives(torch.tensor([-1]), valid, fraction, draw)
    return rows[1:].tolist()


@settings(deadline=None)
@given(
    count=st.integers(1, 300), fraction=st.floats(1e-6, 1), draw=st.integers(0, 2**40)
)
def test_rows_differ_and_are_as_many_as_wanted(
    count: int, fraction: float, draw: int
) -> None:
    rows = drawn_rows(count, fraction, draw)
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(range(count))
    assert 0 <= len(rows) - fraction * count < 1
    assert rows == drawn_rows(count, fraction, draw)


def test_every_row_is_drawn_equally_often_and_draws_differ() -> None:
    draws = [drawn_rows(30, 0.37, number) for number in range(2000)]
    found = np.bincount(np.concatenate(draws), minlength=30)
    share = 12 / 30
    # six standard deviations of a binomial number
    slack = 6 * (2000 * share * (1 - share)) ** 0.5
    assert abs(found - 2000 * share).max() < slack
    assert len({tuple(drawn_rows(1000, 0.01, number)) for number in range(25)}) == 25


@settings(max_examples=60, deadline=None)
@given(
    valid=st.lists(st.booleans(), min_size=1, max_size=12),
    fraction=st.floats(0.01, 1),
    data=st.data(),
)
def test_weights_against_a_loop(
    valid: list[bool], fraction: float, data: st.DataObject
) -> None:
    count = len(valid)
    batch = data.draw(st.lists(st.integers(-1, count - 1), min_size=1, max_size=8))
    rows, log_weight = draw_negatives(
        torch.tensor(batch), torch.tensor(valid), fraction, 3
    )
    found = torch.zeros(count).index_add_(0, rows, log_weight.exp())
    rest = {y for y in range(count) if valid[y] and y not in batch}
    taken = rest & set(drawn_rows(count, fraction, 3))
    for y in range(count):
        expected = 0.0
        if valid[y] and y in batch:
            expected = 1.0
        elif y in taken:
            expected = len(rest) / len(taken)
        torch.testing.assert_close(found[y].item(), expected, rtol=1e-6, atol=0)


def test_the_sum_over_negatives_is_met_on_average() -> None:
    generator = torch.Generator().manual_seed(2)
    both = torch.randn(203, 4, generator=generator, dtype=torch.float64)
    features, centroids = F.normalize(both, dim=1).split([3, 200])
    target, valid = torch.tensor([0, 9, 9]), torch.ones(200, dtype=torch.bool)
    exact = streamed_softmax_loss(features, centroids, target, 0.3).exp() - 1
    totals = []
    for number in range(500):
        rows, log_weight = draw_negatives(target, valid, 0.1, number)
        loss = streamed_softmax_loss(
            features, centroids, target, 0.3, rows=rows, log_weight=log_weight
        )
        totals.append(loss.exp() - 1)
    error = torch.stack(totals).mean(dim=0) / exact - 1
    spread = torch.stack(totals).std(dim=0) / exact / 500**0.5
    assert (error.abs() < 4 * spread).all()
    assert (spread < 0.1).all()
