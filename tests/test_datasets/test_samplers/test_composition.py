from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dynamix.datasets.samplers import Composition


def test_defaults_are_those_of_the_method() -> None:
    composition = Composition({}, {})
    assert composition.batch_size == 8 * 4 + 8 * 2 * 4
    expected = '8 identities x 4 + 8 videos x 2 identities x 4 = 96 images'
    assert str(composition) == expected


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


@pytest.mark.parametrize(
    ('multi_camera', 'single_camera', 'message'),
    [
        (None, None, 'cannot both be None'),
        (None, dict(videos=0), 'single_camera.videos` must be a whole number'),
        (dict(images=2.5), None, 'multi_camera.images` must be .* got 2.5'),
        (None, dict(window=0), 'single_camera.window` must be a whole number'),
        (None, dict(pool='some'), "pool` must be one of .* got 'some'"),
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
