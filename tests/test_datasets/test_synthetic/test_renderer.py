from __future__ import annotations

import numpy as np
import pytest

from dynamix.datasets.synthetic.appearance import draw_appearance
from dynamix.datasets.synthetic.counter_random import make_key
from dynamix.datasets.synthetic.domain_style import domain_style
from dynamix.datasets.synthetic.renderer import PedestrianRenderer


@pytest.mark.parametrize('size', [(256, 128), (128, 64), (96, 96), (17, 40)])
def test_any_size_and_domain(size):
    for i in range(25):
        renderer = PedestrianRenderer(domain_style(i), size)
        image = renderer(make_key('p', i), make_key('c', i), make_key(i), i)
        assert image.shape == (*size, 3)
        assert image.dtype == np.uint8
        assert image.std() > 3


def test_nobody_is_the_place_alone():
    renderer = PedestrianRenderer(domain_style(0), (128, 64))
    changed = []
    for i in range(20):
        keys = make_key('c', i), make_key(i), 3
        person = renderer(make_key('p', i), *keys).astype(int)
        place = renderer(None, *keys).astype(int)
        changed.append(np.abs(person - place).max(axis=2)[40:90, 26:38].mean())
    assert np.median(changed) > 20


def test_frames_of_a_passage_change_little_by_little():
    renderer = PedestrianRenderer(domain_style(4), (128, 64))
    keys = make_key('p'), make_key('c'), make_key('walk')
    first, again, later = (renderer(*keys, frame) for frame in (0, 0, 9))
    np.testing.assert_array_equal(first, again)
    assert (first != later).mean() > 0.3


def test_people_differ():
    style = domain_style(0)
    people = [draw_appearance(style, make_key(i)) for i in range(300)]
    for part in ('pattern', 'upper', 'lower', 'hair', 'bag', 'hat'):
        assert len({getattr(person, part) for person in people}) >= 3
    kinds = {(p.upper, p.lower, p.pattern, p.bag, p.hat, p.hair) for p in people}
    assert len(kinds) > 200
    bags = np.mean([person.bag != 'none' for person in people])
    assert bags == pytest.approx(style.bags, abs=0.1)
