from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dynamix.relabeling import score_labels
from dynamix.relabeling.density_level import stranger_level
from dynamix.relabeling.density_rule import DensityRule
from dynamix.relabeling.density_scope import relabel_by_density

from .conftest import make_videos


def run(scene, current=None, rule=None, **kwargs):
    return relabel_by_density(
        scene.embedding,
        scene.video,
        valid=scene.valid,
        current=current,
        rule=rule or DensityRule(device='cpu'),
        **kwargs,
    )


def with_changes(scene, **changes):
    return SimpleNamespace(**{**vars(scene), **changes})


def same_partition(a, b):
    pairs = {*zip(a.tolist(), b.tolist())}
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


@pytest.mark.parametrize('background', [0.0, 0.8])
def test_people_are_found_without_tracklets(background):
    scene = make_videos(videos=20, people=6, seed=1)
    rng = np.random.default_rng(0)
    # what the images of a video share makes strangers alike
    place = rng.normal(size=(20, 48))
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    scene.embedding = scene.embedding + background * place[scene.video]
    identity, report = run(scene)
    score = score_labels(identity, scene.person, scene.video)
    assert score['precision'] > 0.95
    assert score['f1'] > 0.95
    assert report.identities_before == 3600
    assert 0 < report.threshold < 1


def test_background_raises_the_level():
    scene = make_videos(videos=10, people=10, fragments=2)
    place = np.random.default_rng(0).normal(size=(10, 48))
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    rows = np.arange(len(scene.video))
    shared = scene.embedding + place[scene.video]
    plain, raised = (
        stranger_level(x, rows, scene.video, 0.01, 0) for x in (scene.embedding, shared)
    )
    # strangers of one video: the level must leave out all but about the share
    for x, level in ((scene.embedding, plain), (shared, raised)):
        z = x.astype(np.float64)
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        apart = scene.person[:, None] != scene.person[None]
        apart &= scene.video[:, None] == scene.video[None]
        assert np.mean((z @ z.T)[apart] >= level) < 0.03
    assert raised > plain + 0.1


def test_people_who_come_back_do_not_make_the_level():
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(30, 48))
    person = np.repeat(np.arange(60), 20)
    video = person // 5
    rows = np.arange(len(person))
    clean = np.concatenate([centre, rng.normal(size=(30, 48))])[person]
    noise = 0.3 * rng.normal(size=clean.shape)
    expected = stranger_level(clean + noise, rows, video, 0.001, 0)
    # people of the first six videos are those of the others, a thirtieth of all pairs
    found = stranger_level(centre[person % 30] + noise, rows, video, 0.001, 0)
    assert expected < 0.8
    assert found < 0.8


def test_embeddings_that_say_nothing_change_nothing():
    scene = make_videos()
    rng = np.random.default_rng(0)
    scene.embedding = rng.normal(size=scene.embedding.shape)
    identity, report = run(scene)
    np.testing.assert_array_equal(identity, np.arange(len(identity)))
    assert 'belong to no cluster' in report.refused


def test_numbers_are_kept_and_outliers_dropped():
    scene = make_videos()
    rng = np.random.default_rng(9)
    odd = np.arange(len(scene.video)) % 45 == 3
    scene.embedding[odd] = rng.normal(size=(odd.sum(), 48))
    rule = DensityRule(eps=0.3, device='cpu')
    nobody = np.full(len(odd), -1)
    first, report = run(scene, nobody, rule, first_identity=100, num_identities=100)
    np.testing.assert_array_equal(first == -1, odd)
    assert first[~odd].min() == 100
    assert report.revived == (~odd).sum()
    again = run(scene, first, rule)
    np.testing.assert_array_equal(again.identity, first)


def test_images_not_seen_go_with_their_identity():
    scene = make_videos(videos=6)
    rng = np.random.default_rng(0)
    current = run(scene).identity
    scene.valid = rng.random(len(current)) < 0.7
    lost = current == 4
    scene.valid[lost] = False
    scene.embedding[np.flatnonzero(scene.valid)[::9]] = np.nan
    identity, report = run(scene, current=current)
    np.testing.assert_array_equal(identity, current)
    assert report.embeddings < scene.valid.sum()
    # where a cluster moves, those not seen move along; nobody else gets their number
    mixed = np.where(current == 0, 1, current)
    identity = run(scene, current=mixed).identity
    seen = scene.valid & np.isfinite(scene.embedding).all(1)
    assert same_partition(identity[seen], current[seen])
    sizes = [(seen & (current == k)).sum() for k in (0, 1)]
    assert sizes[0] != sizes[1]
    larger = int(np.argmax(sizes))
    assert (
        identity[~seen & (mixed == 1)] == identity[seen & (current == larger)][0]
    ).all()
    assert (identity[lost] == 4).all()
    assert (identity[~lost] != 4).all()


def test_dropped_and_not_seen_stay_dropped():
    scene = make_videos(videos=6)
    current = np.where(np.arange(len(scene.video)) % 10 == 0, -1, scene.tracklet)
    scene.valid = current >= 0
    identity, _ = run(scene, current=current)
    np.testing.assert_array_equal(identity == -1, current == -1)


def test_fixed_eps_and_what_cannot_be_found():
    scene = make_videos(videos=1)
    identity, report = run(scene)
    np.testing.assert_array_equal(identity, np.arange(len(identity)))
    assert 'eps cannot be found' in report.refused
    identity, report = run(scene, rule=DensityRule(eps=0.3, device='cpu'))
    assert report.threshold == 0.7
    assert same_partition(identity, scene.person)
    for n in (0, 1, 3):
        few = SimpleNamespace(**{k: v[:n] for k, v in vars(scene).items()})
        result = run(few, rule=DensityRule(eps=0.3, device='cpu', max_noise=1))
        np.testing.assert_array_equal(result.identity, np.full(n, -1))
        assert len(run(few).identity) == n


def test_order_of_images_says_nothing():
    scene = make_videos()
    base = run(scene, rule=DensityRule(eps=0.3, device='cpu')).identity
    order = np.random.default_rng(0).permutation(len(base))
    moved = SimpleNamespace(**{k: v[order] for k, v in vars(scene).items()})
    other = run(moved, rule=DensityRule(eps=0.3, device='cpu')).identity
    assert same_partition(other, base[order])


def test_guard_and_wrong_arguments():
    scene = make_videos()
    identity, report = run(scene, rule=DensityRule(max_changed=0.5, device='cpu'))
    np.testing.assert_array_equal(identity, np.arange(len(identity)))
    assert 'max_changed=50.0%' in report.refused
    with pytest.raises(ValueError, match='valid must have shape'):
        run(with_changes(scene, valid=scene.valid[1:]))
    for wrong in (
        dict(eps=0),
        dict(false_rate=1),
        dict(min_samples=0),
        dict(max_noise=2),
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DensityRule(**wrong)


def test_real_images(stress):
    """Finds people where embeddings fit the images, and else leaves all as it is."""
    current = np.arange(len(stress.video))
    identity, report = run(stress)
    if stress.name == 'good':
        score = score_labels(identity, stress.person, stress.video)
        assert score['precision'] >= 0.9
        assert score['f1'] >= 0.86
    else:
        np.testing.assert_array_equal(identity, current)
        assert report.refused
