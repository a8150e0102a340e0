from __future__ import annotations

import numpy as np

from dynamix.datasets.samplers import BatchComposer, Composition

IDENTITY = np.concatenate([np.repeat(np.arange(9), 5), 9 + np.repeat(np.arange(20), 6)])
CAMERA = np.arange(165) % 4
VIDEO = np.concatenate([np.full(45, -1), np.repeat(np.arange(10), 12)])


def make(composition: Composition, seed: int = 0) -> BatchComposer:
    return BatchComposer(
        composition, IDENTITY, CAMERA, VIDEO, 45, [('all', 0, 9)], seed
    )


def test_parts_stand_one_after_the_other() -> None:
    both = make(Composition(dict(identities=3), dict(videos=2, images=3)))
    batches = np.arange(10)
    rows = both.compose(batches)
    assert rows.shape == (10, 12 + 12)
    multi = make(Composition(dict(identities=3), None)).compose(batches)
    single = make(Composition(None, dict(videos=2, images=3))).compose(batches)
    assert (rows == np.concatenate([multi, single], axis=1)).all()
    assert rows[:, :12].max() < 45 <= rows[:, 12:].min()


def test_schedule_holds_from_its_epoch_on() -> None:
    composer = make(
        Composition(None, dict(videos=4, identities=1, schedule=[(3, 2, 2)]))
    )
    for epoch, videos in ((0, 4), (2, 4), (3, 2), (9, 2)):
        for batch in VIDEO[composer.compose(np.arange(5), epoch)]:
            assert len(set(batch.tolist())) == videos


def test_relabeling_replaces_single_camera_labels() -> None:
    composer = make(Composition({}, dict(videos=2, identities=2, images=2)))
    before = composer.multi_camera
    identity = IDENTITY.copy()
    identity[45:105] = -1
    composer.relabel(identity)
    assert composer.multi_camera is before
    assert composer.compose(np.arange(50))[:, 32:].min() >= 105


def test_augmentation_seeds_follow_the_position_in_the_stream() -> None:
    composer = make(Composition(dict(identities=3), None), seed=5)
    every = np.arange(12)
    seeds = composer.augmentation_seeds(np.arange(100), every)
    assert seeds.shape == (100, 12)
    assert seeds.min() >= 0
    assert seeds.max() < 2**32
    assert len(np.unique(seeds)) >= 1199  # one collision by chance at most
    assert (
        composer.augmentation_seeds(np.array([42]), every[[9, 2]]) == seeds[42, [9, 2]]
    ).all()
    # Position 12 * 4 + 3 of a stream of batches of 12 or of 4 images.
    small = make(Composition(dict(identities=1), None), seed=5)
    assert small.augmentation_seeds(np.array([12]), every[[3]]) == seeds[4, 3]
    other = make(Composition(dict(identities=3), None), seed=6)
    assert (other.augmentation_seeds(np.arange(100), every) != seeds).all()
