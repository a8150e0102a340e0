from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.models.memory import draw_rows, rows_of_softmax, streamed_softmax_loss


@given(
    num_rows=st.integers(0, 300),
    fraction=st.floats(1e-6, 1),
    seed=st.integers(0, 2**63),
    draw=st.integers(0, 2**40),
)
def test_rows_differ_and_are_as_many_as_wanted(
    num_rows: int, fraction: float, seed: int, draw: int
) -> None:
    rows = draw_rows(num_rows, fraction, seed, draw)
    assert len(set(rows.tolist())) == len(rows)
    assert set(rows.tolist()) <= set(range(num_rows))
    assert 0 <= len(rows) - fraction * num_rows < 1
    np.testing.assert_array_equal(rows, draw_rows(num_rows, fraction, seed, draw))


def test_every_row_is_drawn_equally_often_and_draws_differ() -> None:
    draws = [draw_rows(30, 0.37, 5, number) for number in range(2000)]
    found = np.bincount(np.concatenate(draws), minlength=30)
    share = 12 / 30
    # six standard deviations of a binomial number
    slack = 6 * (2000 * share * (1 - share)) ** 0.5
    assert abs(found - 2000 * share).max() < slack
    drawn = {
        tuple(draw_rows(1000, 0.01, seed, number))
        for seed in range(5)
        for number in range(5)
    }
    assert len(drawn) == 25


@settings(max_examples=60)
@given(data=st.data(), count=st.integers(1, 12))
def test_weights_against_a_loop(data: st.DataObject, count: int) -> None:
    valid = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    batch = data.draw(st.lists(st.integers(-1, count - 1), min_size=1, max_size=8))
    drawn = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    rows, log_weight = rows_of_softmax(
        torch.tensor(batch),
        torch.tensor(drawn, dtype=torch.int64),
        torch.tensor(valid),
    )
    found = torch.zeros(count).index_add_(0, rows, log_weight.exp())
    rest = {y for y in range(count) if valid[y] and y not in batch}
    taken = rest & set(drawn)
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
        drawn = torch.from_numpy(draw_rows(200, 0.1, 0, number))
        rows, log_weight = rows_of_softmax(target, drawn, valid)
        loss = streamed_softmax_loss(
            features, centroids, target, 0.3, rows=rows, log_weight=log_weight
        )
        totals.append(loss.exp() - 1)
    error = torch.stack(totals).mean(dim=0) / exact - 1
    spread = torch.stack(totals).std(dim=0) / exact / 500**0.5
    assert (error.abs() < 4 * spread).all()
    assert (spread < 0.1).all()
