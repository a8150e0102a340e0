from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling.homes import HomeLevels, calibrate_homes, find_homes
from dynamix.relabeling.purify import (
    STRAY,
    ScoredImages,
    calibrate_purity,
    first_parts,
    part_fits,
    score_images,
    settle_parts,
)
from dynamix.relabeling.segments import Cores, core_members
from dynamix.relabeling.strangers import draw_strangers


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def crowd(people, images=12, spread=0.3, dim=16, seed=0):
    """``[people * images, dim]`` unit vectors, and the person of each."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), images)
    x = unit(rng.normal(size=(people, dim)))[person]
    return unit(x + spread * rng.normal(size=x.shape) / np.sqrt(dim)), person


def test_core_is_the_better_half():
    x, _ = crowd(1, 9)
    x[[1, 5, 7]] *= -1
    assert set(core_members(x, np.zeros(9, int), 1)) <= {0, 2, 3, 4, 6, 8}
    two, group = np.tile(x, (2, 1)), np.repeat([0, 1], 9)
    first = core_members(x, np.zeros(9, int), 1)
    assert {*core_members(two, group, 2)} == {*first, *(first + 9)}


@pytest.mark.parametrize('first', [14, 15, 16])
def test_core_of_two_halves_shows_one_person(first):
    x, person = crowd(2, 16, spread=0.5)
    part = np.r_[np.arange(first), 16 + np.arange(30 - first)]
    part = np.random.default_rng(0).permutation(part)
    core = core_members(x[part], np.zeros(30, int), 1)
    counts = np.bincount(person[part[core]], minlength=2)
    assert len(core) == 15
    assert counts.min() <= 1, 'one where its person has 14'


def test_short_tracklets_do_not_say_what_is_crowded():
    x, person = crowd(12, 20, spread=0.5, dim=48)
    # eight of the twelve in tracklets of one image
    short = person >= 4
    group = np.where(short, 4 + np.cumsum(short) - 1, person)
    video = np.zeros(group.max() + 1, int)
    all_of_them = score_images(x, group, video).least_crowding
    long = score_images(x[~short], group[~short], video[:4]).least_crowding
    assert all_of_them >= long
    alone = score_images(x[:5], np.arange(5), np.zeros(5, int))
    assert alone.least_crowding == 0


def test_own_scores_leave_the_image_out():
    x, group = crowd(4, 7, spread=1)
    order = np.random.default_rng(0).permutation(len(x))
    x, group = x[order], group[order]
    cores = Cores(x, group, 5)
    members = [
        np.flatnonzero(group == g)[core_members(x[group == g], np.zeros(7, int), 1)]
        for g in range(4)
    ]
    expected = [
        x[i] @ unit(sum(x[k] for k in members[group[i]] if k != i))
        for i in range(len(x))
    ]
    np.testing.assert_allclose(cores.own_scores(x), expected)
    assert not cores.vectors[4].any()
    assert Cores(x[:1], np.zeros(1, int), 1).own_scores(x[:1]) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999))
def test_strangers_are_other_groups_of_the_video(seed):
    rng = np.random.default_rng(seed)
    video = np.sort(rng.integers(0, 4, 9))
    group = rng.integers(0, 9, 50)
    images, other = draw_strangers(group, video, seed)
    assert (other != group[images]).all()
    np.testing.assert_array_equal(video[other], video[group[images]])
    alone = np.bincount(video, minlength=4)[video[group]] == 1
    assert {*images} == {*np.flatnonzero(~alone)}


def plain(z, group, count):
    """Images that nothing crowds."""
    fit = Cores(z, group, count).own_scores(z)
    return ScoredImages(z, group, np.zeros(count, int), fit, np.zeros(len(z)), 0.0)


def test_parts_of_tracklets():
    """A pure tracklet, one of two people, one with two strays, one of two images."""
    x, _ = crowd(5, 12)
    z = np.concatenate(
        [x[:12], x[12:24], x[24:30], x[36:46], x[48:50], x[:1], x[30:31]]
    )
    group = np.repeat([0, 1, 2, 3], [12, 18, 12, 2])
    expected = np.zeros(44, int)
    expected[24:30], expected[40:42] = 1, STRAY
    images = plain(z, group, 4)
    part = first_parts(images, 0.5, 3)
    np.testing.assert_array_equal(part, expected)
    wrong = part.copy()
    wrong[[13, 25]] = 1, 0
    np.testing.assert_array_equal(settle_parts(images, wrong, 0.5, 3), expected)
    scores = part_fits(images, part)
    assert np.isinf(scores[:12, 1]).all()
    assert (scores[12:24, 0] > 0.5).all()
    assert (scores[24:30, 1] > 0.5).all()
    none = settle_parts(images, part, 2.0, 3)
    assert (none[:42] == 0).all(), 'a tracklet is never dropped whole'


def test_levels_tell_members_from_strangers():
    x, person = crowd(40, 20)
    rng = np.random.default_rng(0)
    group = person.copy()
    odd = np.flatnonzero(rng.random(len(x)) < 0.1)
    group[odd] = (group[odd] + 1) % 40
    order = np.argsort(group, kind='stable')
    images = score_images(x[order], group[order], np.arange(40) // 4)
    levels = calibrate_purity(images, 0.5, 3, 0)
    part = first_parts(images, levels.first, 3)
    part = settle_parts(images, part, levels.settled, 3)
    astray = person[order] != group[order]
    assert ((part == 0) == ~astray).mean() > 0.99


def test_crowding_lowers_all_fits_of_an_image():
    x, person = crowd(8, 10, spread=1)
    images = score_images(x, person, np.arange(8) // 4)
    own = Cores(x, person, 8).own_scores(x)
    np.testing.assert_allclose(images.fit, own - images.crowding)
    assert (images.crowding > 0).all()
    part = np.zeros(80, np.int8)
    part[::3] = 1
    without = images._replace(crowding=np.zeros(80))
    lower = part_fits(without, part) - part_fits(images, part)
    np.testing.assert_allclose(lower, np.repeat(images.crowding[:, None], 2, 1))


def test_what_is_like_nobody_is_not_astray():
    """A blurred image is little like its tracklet, and less like any other."""
    x, person = crowd(40, 20)
    rng = np.random.default_rng(1)
    blurred = rng.random(len(x)) < 0.1
    x[blurred] = unit(x[blurred] + rng.normal(size=(blurred.sum(), 16)) / 3)
    group = person.copy()
    odd = np.flatnonzero((rng.random(len(x)) < 0.1) & ~blurred)
    group[odd] = group[odd] // 4 * 4 + (group[odd] + 1) % 4
    order = np.argsort(group, kind='stable')
    images = score_images(x[order], group[order], np.arange(40) // 4)
    astray = group[order] != person[order]

    def confused(score):
        return (score[~astray][:, None] < score[astray]).mean()

    assert confused(images.fit) < 0.7 * confused(images.fit + images.crowding)


LEVELS = HomeLevels(0.6, 0.4, 0.8)


def calm(x):
    """No crowding."""
    return np.zeros(len(x))


def test_images_move_to_whom_they_show():
    x, person = crowd(6, 10)
    video = person // 3
    label = person.copy() * 7
    # without a person; with the wrong one; one of the other video
    label[[0, 15]], label[25], label[31] = -1, 0, 7 * 4
    x[31] = x[0]
    found = find_homes(x, calm(x), label, video, np.full(60, -1), LEVELS)
    expected = person * 7
    expected[31] = 28
    np.testing.assert_array_equal(found, expected)
    never = HomeLevels(np.inf, -np.inf, np.inf)
    np.testing.assert_array_equal(
        find_homes(x, calm(x), label, video, np.full(60, -1), never), label
    )
    nobody = np.full(60, -1)
    assert (find_homes(x, calm(x), nobody, video, nobody, LEVELS) == -1).all()


def test_nobody_is_twice_in_a_frame():
    x, person = crowd(3, 10)
    label, frame = person.copy(), np.arange(30)
    label[:3] = -1
    frame[0] = frame[5]  # its person is seen there already
    frame[1] = frame[2]  # only one of two may move
    found = find_homes(x, calm(x), label, np.zeros(30, int), frame, LEVELS)
    assert found[0] == -1
    fit = Cores(x[3:10], np.zeros(7, int), 1).scores(x[1:3], np.zeros(2, int))
    assert found[1 + fit.argmax()] == 0
    assert found[1 + fit.argmin()] == -1


def test_images_without_embedding_are_in_their_frame_too():
    x, person = crowd(3, 10)
    label, frame = person.copy(), np.arange(30)
    label[:2] = -1
    elsewhere = (np.array([0, 2, 9]), np.array([0, 1, 1]))
    found = find_homes(x, calm(x), label, np.zeros(30, int), frame, LEVELS, elsewhere)
    assert found[:2].tolist() == [-1, 0]


def test_levels_of_homes_are_quantiles_of_members():
    x, person = crowd(20, 15)
    video = np.arange(20) // 4
    levels = calibrate_homes(x, calm(x), person, video, 0)
    own = Cores(x, person, 20).own_scores(x)
    np.testing.assert_allclose(levels[1:], np.quantile(own, [0, 0.5]))
    cores = np.stack([unit(x[person == k].mean(0)) for k in range(20)])
    score = x @ cores.T
    score[(video[:, None] != video[None])[person]] = -1
    score[np.arange(len(x)), person] = -1
    assert score.max() < levels.stray < own.min(), 'between all strangers and members'
    blurred, _ = crowd(20, 15, spread=2)
    own = Cores(blurred, person, 20).own_scores(blurred)
    levels = calibrate_homes(blurred, calm(x), person, video, 0)
    np.testing.assert_allclose(levels.stray, np.quantile(own, 0.02), rtol=1e-6)
    wrong = person.copy()
    wrong[::10] = (wrong[::10] + 1) % 20
    low = calibrate_homes(x, calm(x), wrong, video, 0).low
    under = Cores(x, wrong, 20).own_scores(x) < low
    assert (under == (wrong != person)).mean() > 0.95
    assert (
        calibrate_homes(x[:2], calm(x[:2]), np.arange(2), np.zeros(2), 0).stray
        == np.inf
    )
