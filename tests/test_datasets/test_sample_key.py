from __future__ import annotations

import random

import pytest
import torch
from numpy.random import mtrand

from dynamix.datasets import seeded


def draw() -> tuple:
    normal = mtrand.normal(size=2).tolist()  # a pair: no half of one is left
    return random.random(), mtrand.rand(), *normal, torch.rand(1).item()


def states() -> tuple:
    return random.getstate(), mtrand.get_state()[1:3], torch.get_rng_state()


def same(a: tuple, b: tuple) -> bool:
    return (
        a[0] == b[0]
        and (a[1][0] == b[1][0]).all()
        and a[1][1] == b[1][1]
        and bool((a[2] == b[2]).all())
    )


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    with seeded(7):
        first = draw()
    draw()
    with seeded(2**32 - 1):
        other = draw()
    with seeded(7):
        again = draw()
    assert first == again
    assert not set(first) & set(other)


def test_the_generators_outside_go_on_as_if_nothing_had_been_drawn() -> None:
    for seed in (0, 1):
        random.seed(seed)
        mtrand.seed(seed)
        torch.manual_seed(seed)
        before = states()
        with seeded(5):
            draw()
        assert same(before, states())
        random.random(), mtrand.rand(), torch.rand(1)
        assert not same(before, states())


def test_also_after_an_error_and_when_nested() -> None:
    before = states()
    with pytest.raises(ZeroDivisionError), seeded(1):
        1 / (draw() == ())
    assert same(before, states())
    with seeded(1):
        expected = [*draw(), *draw()]
    with seeded(1):
        found = list(draw())
        with seeded(2):
            draw()
        found += draw()
    assert found == expected
    assert same(before, states())
