from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dynamix.datasets.samplers import Composition


def test_defaults_are_those_of_the_method() -> None:
    composition = Composition({}, {})
    assert composition.batch_size == 8 * 4 + 8 * 2 * 4
    assert composition.world_sizes == [1, 2, 4, 8]


@pytest.mark.parametrize('world_size', [1, 2, 4, 8])
def test_ranks_share_out_whole_identities_and_videos(world_size: int) -> None:
    composition = Composition({}, {})
    owner = np.full(96, -1)
    for rank in range(world_size):
        columns = composition.columns(rank, world_size)
        assert len(columns) == 96 // world_size
        assert (owner[columns] == -1).all()
        owner[columns] = rank
    assert (owner >= 0).all()
    assert (np.ptp(owner[:32].reshape(8, 4), axis=1) == 0).all()
    assert (np.ptp(owner[32:].reshape(8, 8), axis=1) == 0).all()


def test_world_size_that_does_not_divide() -> None:
    composition = Composition(dict(identities=12), dict(videos=8))
    with pytest.raises(ValueError, match=r'3 ranks.*possible.*: 1, 2, 4\.'):
        composition.check_world_size(3)
    composition.check_world_size(4)
    scheduled = Composition(None, dict(videos=8, schedule=[(5, 2, 8)]))
    with pytest.raises(ValueError, match=r'single_camera.videos=2, 8 .*: 1, 2\.'):
        scheduled.check_world_size(4)


def test_schedule_changes_the_balance() -> None:
    part = Composition(
        None, dict(videos=8, identities=2, schedule=[(2, 4, 4), (5, 16, 1)])
    ).single_camera
    assert part is not None
    balances = [part.balance(epoch) for epoch in range(7)]
    assert balances == [(8, 2)] * 2 + [(4, 4)] * 3 + [(16, 1)] * 2


@pytest.mark.parametrize(
    ('multi_camera', 'single_camera', 'message'),
    [
        (None, None, 'cannot both be None'),
        (None, dict(videos=0), 'single_camera.videos` must be a whole number'),
        (dict(images=2.5), None, 'multi_camera.images` must be .* got 2.5'),
        (
            None,
            dict(schedule=[(3, 8, 4)]),
            r'8 x 2 = 16 .* from epoch 3 on it is 8 x 4',
        ),
        (None, dict(schedule=[(3, -8, -2)]), r'must keep the size of the batch'),
        (None, dict(schedule=(3, 4, 4)), r'must list .* but has 3'),
        (None, dict(schedule=[(3, 4)]), r'must list \(epoch, videos, identities\)'),
        (None, dict(schedule=[(3, 4, 4), (3, 8, 2)]), '3 follows 3'),
    ],
)
def test_wrong_values_are_named(
    multi_camera: dict[str, Any] | None,
    single_camera: dict[str, Any] | None,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        Composition(multi_camera, single_camera)


def test_unknown_keys_are_named() -> None:
    expected = "multi_camera` has no key 'person'; its keys are identities, images"
    with pytest.raises(TypeError, match=expected):
        Composition(dict(person=8), None)
