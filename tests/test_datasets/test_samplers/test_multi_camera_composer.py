from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dynamix.datasets.samplers import MultiCameraComposer, MultiCameraPart


def make(identity: Any, camera: Any, seed: int = 0, **part: Any) -> MultiCameraComposer:
    identity = np.asarray(identity, dtype=np.int64)
    sources = [('all', 0, int(identity.max(initial=-1)) + 1)]
    return MultiCameraComposer(
        identity, np.asarray(camera, np.int64), sources, MultiCameraPart(**part), seed
    )


def check_images(rows: list[int], own: list[int], camera: np.ndarray) -> None:
    """``rows``: drawn images of an identity that has the images ``own``."""
    used = Counter(rows)
    assert set(used) <= set(own)
    counts = [used[row] for row in own]
    assert max(counts) - min(counts) <= 1
    cameras = {int(camera[row]) for row in own}
    assert len({int(camera[row]) for row in rows}) == min(len(cameras), len(rows))
    if len(rows) <= len(own):
        by_camera = Counter(int(camera[row]) for row in rows)
        for one in cameras:
            left = sum(camera[row] == one and row not in used for row in own)
            # A camera that still has images gave no two fewer than another.
            assert not left or max(by_camera.values()) - by_camera[one] <= 1


@given(
    st.lists(st.tuples(st.integers(-1, 8), st.integers(0, 4)), min_size=1, max_size=70),
    st.integers(1, 6),
    st.integers(1, 7),
    st.integers(0, 2**32),
)
@settings(max_examples=150, deadline=None)
def test_every_batch_is_exact(
    labels: list[tuple[int, int]], identities: int, images: int, seed: int
) -> None:
    identity, camera = np.array(labels).T
    present = sorted(set(identity.tolist()) - {-1})
    assume(len(present) >= identities)
    composer = make(identity, camera, seed, identities=identities, images=images)
    batches = np.array([0, 1, 2, 77, 10**9])
    rows = composer.compose(batches)
    assert rows.shape == (5, identities * images)
    for batch in rows.reshape(5, identities, images):
        owners = identity[batch]
        assert (owners == owners[:, :1]).all()
        assert (owners >= 0).all()
        assert len(set(owners[:, 0].tolist())) == identities
        for number, drawn in zip(owners[:, 0], batch.tolist()):
            own = np.flatnonzero(identity == number).tolist()
            check_images(drawn, own, camera)


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    rng = np.random.default_rng(0)
    identity, camera = rng.integers(0, 50, 600), rng.integers(0, 5, 600)
    composer = make(identity, camera, 7, identities=8, images=4)
    together = composer.compose(np.arange(40))
    alone = np.concatenate([composer.compose(np.array([b])) for b in range(40)])
    assert (together == alone).all()
    assert (composer.compose(np.arange(40)[::-1])[::-1] == together).all()
    other = make(identity, camera, 8, identities=8, images=4)
    assert (other.compose(np.arange(40)) != together).mean() > 0.9


def test_identities_are_walked_through() -> None:
    identity = np.repeat(np.arange(30), 4)
    composer = make(identity, np.tile([0, 1], 60), identities=8, images=2)
    drawn = identity[composer.compose(np.arange(300))][:, ::2]
    # 30 // 8 = 3 batches a walk, all different, 6 left out at random.
    for walk in drawn.reshape(100, 24):
        assert len(set(walk.tolist())) == 24
    counts = np.bincount(drawn.ravel(), minlength=30)
    assert (np.abs(counts - 80) < 5 * np.sqrt(100 * 0.8 * 0.2)).all()


def test_images_of_a_camera_are_equally_likely() -> None:
    # One identity: camera 0 has 7 images, camera 1 has 3.
    composer = make(np.zeros(10, int), np.arange(10) >= 7, identities=1, images=4)
    rows = composer.compose(np.arange(21_000))
    counts = np.bincount(rows.ravel(), minlength=10)
    expected = np.repeat([2 * 21_000 / 7, 2 * 21_000 / 3], [7, 3])
    assert ((counts - expected) ** 2 / expected).sum() < 34  # 9 degrees: p 1e-4


def test_images_of_a_camera_lie_apart() -> None:
    # One image of each quarter of 12, counted from a random origin.
    composer = make(np.zeros(12, int), np.zeros(12, int), identities=1, images=4)
    rows = np.sort(composer.compose(np.arange(2000)), axis=1)
    gaps = np.diff(rows, axis=1, append=rows[:, :1] + 12)
    assert gaps.max() == 5


def test_all_pairs_of_cameras_meet_equally_often() -> None:
    composer = make(np.zeros(6, int), np.arange(6), identities=1, images=2)
    pairs = np.sort(composer.compose(np.arange(15_000)), axis=1)
    _, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(counts) == 15
    assert ((counts - 1000) ** 2 / 1000).sum() < 43  # 14 degrees: p 1e-4


def two_sources(weights: dict[str, float] | None, identities: int = 8) -> Any:
    identity = np.repeat(np.arange(60), 4)
    composer = MultiCameraComposer(
        identity,
        np.tile(np.arange(4), 60),
        [('small', 0, 10), ('large', 10, 60)],
        MultiCameraPart(identities, 2, weights),
        3,
    )
    drawn = identity[composer.compose(np.arange(3000))][:, ::2]
    assert all(len(set(batch)) == identities for batch in drawn.tolist())
    return drawn


def test_sources_have_their_weight_exactly() -> None:
    drawn = two_sources(dict(small=3.0, large=1.0))
    assert ((drawn < 10).sum(axis=1) == 6).all()
    # Their order within a batch, and so among ranks, is random.
    assert np.abs((drawn < 10).mean(axis=0) - 0.75).max() < 0.04
    assert ((two_sources(dict(small=0, large=2)) < 10).sum(axis=1) == 0).all()


def test_fractions_of_identities_average_out() -> None:
    counts = (two_sources(dict(small=1, large=2)) < 10).sum(axis=1)
    assert set(counts.tolist()) == {2, 3}
    assert counts.mean() == pytest.approx(8 / 3, abs=0.05)


def test_without_weights_all_identities_are_drawn_equally_often() -> None:
    counts = np.bincount(two_sources(None).ravel(), minlength=60)
    assert (np.abs(counts - 400) < 5 * np.sqrt(400)).all()


@pytest.mark.parametrize(
    ('weights', 'message'),
    [
        (
            dict(small=1),
            r'every multi-camera source once \(small, large\).*names small',
        ),
        (dict(small=1, large=1, other=1), 'small, large, other.*need a `name` of'),
        (dict(small=-1, large=1), 'not negative'),
        (dict(small=0, large=0), 'not all zero'),
        (dict(small=float('nan'), large=0), 'finite'),
    ],
)
def test_wrong_weights(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_sources(weights)


def test_source_with_fewer_identities_than_its_share() -> None:
    with pytest.raises(ValueError, match=r"'small' has 10 identities.*takes up to 15"):
        two_sources(dict(small=3, large=1), identities=20)


def test_too_few_identities() -> None:
    with pytest.raises(ValueError, match=r'takes 4 different identities.*have 2 with'):
        make([0, 0, 1, -1], [0, 1, 0, 0], identities=4)
    with pytest.raises(ValueError, match='have 0 with'):
        make([], [], identities=1)
