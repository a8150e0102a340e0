from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets.samplers import MultiCameraPart, MultiCameraPlanner

SOURCES = [('a', 0, 10), ('b', 10, 30)]


def planner(
    identity: Any, camera: Any = None, sources: Any = None, **part: Any
) -> MultiCameraPlanner:
    identity = np.asarray(identity)
    camera = np.zeros(len(identity), int) if camera is None else np.asarray(camera)
    sources = sources or [('all', 0, int(identity.max()) + 1)]
    return MultiCameraPlanner(identity, camera, sources, MultiCameraPart(**part), 5)


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=4, max_size=9),
    identities=st.integers(1, 4),
    images=st.integers(1, 5),
    epoch=st.integers(0, 50),
)
def test_composition(
    sizes: list[int], identities: int, images: int, epoch: int
) -> None:
    identity = np.repeat(np.arange(len(sizes)), sizes)
    camera = np.random.default_rng(0).integers(0, 3, len(identity))
    plan = planner(identity, camera, identities=identities, images=images).plan(
        epoch, 4
    )
    assert plan.shape == (4, identities * images)
    for batch in identity[plan].reshape(4, identities, images):
        assert (batch == batch[:, :1]).all()
        assert len(set(batch[:, 0].tolist())) == identities
    for rows in plan.reshape(-1, images).tolist():
        person = identity[rows[0]]
        count = Counter(rows)
        # all images before any a second time, cameras as evenly as they can be
        assert len(count) == min(images, sizes[person])
        assert max(count.values()) - min(count.values()) <= 1
        of_camera = Counter(camera[[*count]].tolist())
        available = Counter(camera[identity == person].tolist())
        for one in available:
            for other in available:
                if of_camera[one] < available[one]:
                    assert of_camera[other] <= of_camera[one] + 1


def test_every_identity_before_any_a_second_time() -> None:
    identity = np.repeat(np.arange(12), 2)
    sampler = planner(identity, identities=4, images=1)
    drawn = [identity[sampler.plan(epoch, 3)] for epoch in range(3)]
    for epoch in drawn:
        assert sorted(epoch.ravel().tolist()) == [*range(12)]
    assert (drawn[0] != drawn[1]).any()


def test_sources_have_their_shares() -> None:
    identity = np.repeat(np.arange(30), 2)
    for weights, share in ((None, 4 / 3), (dict(a=3, b=1), 3.0)):
        sampler = planner(
            identity, sources=SOURCES, identities=4, images=1, source_weights=weights
        )
        count = (identity[sampler.plan(0, 600)] < 10).sum(axis=1)
        assert set(np.unique(count)) <= {int(share), int(np.ceil(share))}
        assert abs(count.mean() - share) < 0.1


def test_dropped_images_are_not_drawn() -> None:
    identity = np.array([0, -1, 1, 1, -1, 2])
    rows = planner(identity, identities=3, images=2).plan(0, 5)
    assert (identity[rows] >= 0).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(identities=31),
            'takes 10.3 .* of source .a. on average, but it has 10',
        ),
        (dict(source_weights=dict(a=1)), r'name every .* \(a, b\), but names a'),
        (dict(source_weights=dict(a=-1, b=2)), 'takes -8 .* of source .a.'),
        (
            dict(identities=12, source_weights=dict(a=9, b=1)),
            '10.8 .* of source .a.',
        ),
    ],
)
def test_impossible_compositions_are_named(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        planner(np.arange(30), sources=SOURCES, **options)
