from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling import (
    Calibration,
    RelabelRule,
    TrackedImages,
    calibrate,
    regroup,
)
from dynamix.relabeling.merging import MergeLevel

from .conftest import add_errors, draw_frames, make_videos

RULE = RelabelRule()


@pytest.fixture(scope='module')
def images() -> TrackedImages:
    """Videos with all kinds of errors, images without embedding, shared frames."""
    scene = make_videos(images=20, spread=0.6)
    add_errors(scene, 0.1)
    scene.valid = np.random.default_rng(1).random(len(scene.video)) < 0.9
    draw_frames(scene, images=20)
    scene.embedding[::97] = np.nan
    return TrackedImages(
        scene.embedding, scene.valid, scene.video, scene.tracklet, scene.frame
    )


@pytest.fixture(scope='module')
def calibration(images) -> Calibration:
    return pickle.loads(pickle.dumps(calibrate(images, RULE)))


@settings(max_examples=40, deadline=None)
@given(chosen=st.sets(st.integers(0, 11), min_size=1), seed=st.integers(0, 99))
def test_a_video_is_decided_by_itself(images, calibration, chosen, seed):
    whole = regroup(images, calibration, RULE)
    assert whole.splits
    assert whole.merges
    assert whole.vetoes
    assert (whole.component < 0).any()
    rows = np.flatnonzero(np.isin(images.video, list(chosen)))
    if seed % 2:
        rows = np.random.default_rng(seed).permutation(rows)
    part = regroup(images.take(rows), calibration, RULE)
    np.testing.assert_array_equal(part.component, whole.component[rows])


def test_a_cluster_asks_for_more_as_it_grows():
    scene = make_videos(people=5, fragments=4)
    images = TrackedImages.of(scene.embedding, scene.video, scene.tracklet)
    found = calibrate(images, RULE)
    for width, together in ((0.0, 4), (9.0, 2)):
        level = MergeLevel(found.merging.similarity, width, typical=5 * 4)
        merged = regroup(images, replace(found, merging=level), RULE).component
        pieces = np.unique([merged, scene.tracklet], axis=1)
        assert (np.unique(pieces[0], return_counts=True)[1] == together).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_counts_of_parts_add_up(images, calibration, seed):
    half = np.random.default_rng(seed).random(12)[images.video] < 0.5
    whole = regroup(images, calibration, RULE)
    parts = [regroup(images.take(np.flatnonzero(h)), calibration, RULE)
             for h in (half, ~half)]  # fmt: skip
    for name in ('tracklets', 'embeddings', 'splits', 'merges', 'vetoes'):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)


def test_least_crowding_is_that_of_the_calibration(images, calibration):
    assert calibration.least_crowding > 0
    crowded = replace(calibration, least_crowding=9.0)
    # nobody fits, and of each tracklet the whole is kept
    assert (regroup(images, crowded, RULE).component[images.valid] >= 0).all()
    assert regroup(images, calibration, RULE).splits
    assert regroup(images, crowded, RULE).splits == 0


def test_components_stay_in_their_video(images, calibration):
    component = regroup(images, calibration, RULE).component
    pairs = np.unique(np.stack([component, images.video])[:, component >= 0], axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]
    named = dict(zip(images.tracklet.tolist(), images.video.tolist()))
    assert all(named[c // 2] == v for c, v in pairs.T.tolist())


def test_no_evidence_leaves_the_tracklets(images):
    component, *_ = regroup(images, Calibration(), RULE)
    np.testing.assert_array_equal(component, images.tracklet * 2)
