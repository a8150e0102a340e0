from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dynamix.relabeling import global_scope as module
from dynamix.relabeling import score_labels
from dynamix.relabeling.global_rule import GlobalRule
from dynamix.relabeling.global_scope import relabel_globally


def city(
    videos=30, people=40, seen=10, images=6, dim=48, change=0.5, spread=0.3, seed=0
):
    """People met in several videos: ``seen`` of ``people`` in each."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(people, dim))
    met = np.concatenate(
        [rng.choice(people, seen, replace=False) for _ in range(videos)]
    )
    place = centre[met] + change * rng.normal(size=(len(met), dim))
    start = np.repeat(np.arange(len(met)), images)
    embedding = place[start] + spread * rng.normal(size=(len(start), dim))
    return SimpleNamespace(
        embedding=embedding.astype(np.float16),
        valid=np.ones(len(start), bool),
        video=start // seen,
        start=start,
        frame=np.full(len(start), -1),
        person=met[start],
    )


@pytest.fixture(scope='module')
def town():
    return city()


def run(scene, current=None, rule=None, **kwargs):
    return relabel_globally(
        scene.embedding,
        scene.video,
        scene.start,
        frame=scene.frame,
        valid=scene.valid,
        current=scene.start if current is None else current,
        rule=rule or GlobalRule(device='cpu'),
        **kwargs,
    )


def with_changes(scene, **changes):
    return SimpleNamespace(**{**vars(scene), **changes})


def same_partition(a, b):
    pairs = {*zip(a.tolist(), b.tolist())}
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


@pytest.mark.parametrize('index', ['exact', 'ivf', 'hnsw'])
def test_people_of_several_videos_are_found(town, index):
    identity, report = run(town, rule=GlobalRule(index=index, device='cpu'))
    before = score_labels(town.start, town.person)
    after = score_labels(identity, town.person)
    assert before['recall'] < 0.2
    assert after['precision'] > 0.95
    assert after['recall'] > 0.9
    assert report.identities_before == report.tracklets == 300
    assert report.identities_after == 300 - report.merges
    assert np.isfinite(report.threshold)
    assert not report.refused


@pytest.mark.parametrize('seed', range(3))
def test_strangers_stay_strangers(seed):
    scene = city(people=400, videos=40, seed=seed)
    scene.person = scene.start
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(400, 48))
    scene.embedding = centre[scene.start] + 0.3 * rng.normal(size=(2400, 48))
    identity, _ = run(scene)
    assert score_labels(identity, scene.person)['precision'] > 0.98


@pytest.mark.parametrize('seed', range(3))
def test_embeddings_that_say_nothing_change_nothing(town, seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=town.embedding.shape)
    identity, report = run(with_changes(town, embedding=noise))
    np.testing.assert_array_equal(identity, town.start)
    assert 'do not tell people apart' in report.refused
    # nor do those that know the video alone
    place = rng.normal(size=(30, 48))[town.video]
    identity, _ = run(with_changes(town, embedding=place + 0.1 * noise))
    np.testing.assert_array_equal(identity, town.start)


def test_identities_of_one_video_never_meet(monkeypatch):
    crowd = city(videos=100, people=200, dim=16, change=0.3)
    rule = GlobalRule(device='cpu', separated=0, false_share=0.95)

    def meetings():
        identity = run(crowd, rule=rule).identity
        key = np.unique(np.stack([identity, crowd.video, crowd.start]), axis=1)
        return len(key.T) - len(np.unique(key[:2], axis=1).T)

    assert meetings() == 0
    real = module.link
    monkeypatch.setattr(module, 'link', lambda *args, rivals: real(*args))
    assert meetings() > 0


def test_tracklets_meet_unless_a_frame_forbids():
    scene = city(people=60, videos=30, seen=4, change=0.3, seed=1)
    # every identity is two tracklets, three images each
    scene.start = np.arange(len(scene.start)) // 3
    rule = GlobalRule(distinct=False, device='cpu')
    free = run(scene, rule=rule).identity
    mates = free[0::6] == free[3::6]
    assert mates.mean() > 0.3
    scene.frame = np.arange(len(scene.start)) % 3
    bound = run(scene, rule=rule).identity
    key = np.unique(np.stack([bound, scene.video, scene.start]), axis=1)
    assert len(np.unique(key[:2], axis=1).T) == len(key.T)


def test_order_of_images_and_names_say_nothing(town):
    rng = np.random.default_rng(0)
    base = run(town).identity
    # images of one identity keep their order
    rename = rng.permutation(300)
    order = np.argsort(rename[town.start], kind='stable')
    moved = SimpleNamespace(**{k: v[order] for k, v in vars(town).items()})
    assert same_partition(run(moved).identity, base[order])
    other = with_changes(
        town, video=rng.permutation(99)[town.video], start=rename[town.start]
    )
    assert same_partition(run(other).identity, base)


def test_numbers_are_kept_and_dropped_stay_dropped(town):
    first = run(town).identity
    again = run(town, current=first)
    np.testing.assert_array_equal(again.identity, first)
    assert again.report.changed == 0
    start = np.where(np.arange(len(town.start)) % 6 == 2, -1, town.start)
    shifted = run(
        with_changes(town, start=start),
        current=np.where(start >= 0, start + 50, -1),
        first_identity=50,
    )
    np.testing.assert_array_equal(shifted.identity == -1, start == -1)
    assert shifted.identity[start >= 0].min() >= 50


def test_without_embeddings_all_stays(town):
    blind = with_changes(town, valid=np.zeros(len(town.valid), bool))
    identity, report = run(blind)
    np.testing.assert_array_equal(identity, town.start)
    assert report.embeddings == 0
    assert report.refused
    nothing = SimpleNamespace(**{k: v[:0] for k, v in vars(town).items()})
    assert len(run(nothing).identity) == 0


def test_bad_embeddings_do_not_vote(town):
    base = run(town).identity
    embedding = town.embedding.copy()
    bad = np.arange(len(embedding)) % 6 == 5
    embedding[bad] = np.nan
    embedding[np.flatnonzero(bad)[::2]] = 0
    lost = town.start == 7
    embedding[lost] = np.inf
    identity, report = run(with_changes(town, embedding=embedding))
    assert report.embeddings == (~bad & ~lost).sum()
    assert (identity == identity[lost][0]).sum() == lost.sum()
    rest = ~np.isin(base, base[lost])
    assert (identity[rest] == base[rest]).mean() > 0.9


def test_few_identities_and_one_video(town):
    one = town.video == 0
    few = SimpleNamespace(**{k: v[one] for k, v in vars(town).items()})
    identity, report = run(few)
    np.testing.assert_array_equal(identity, few.start)
    assert 'too few identities of different videos' in report.refused


def test_guard_against_too_much_at_once(town):
    current = np.random.default_rng(0).permutation(town.start)
    identity, report = run(town, current=current, rule=GlobalRule(max_changed=0.5))
    np.testing.assert_array_equal(identity, current)
    assert 'max_changed=50.0%' in report.refused
    rule = GlobalRule(max_changed=0.5, insist=True)
    assert same_partition(
        run(town, current=current, rule=rule).identity, run(town).identity
    )


def test_wrong_arguments_are_named(town):
    with pytest.raises(ValueError, match='video must have shape'):
        run(with_changes(town, video=town.video[:-1]))
    start = town.start.copy()
    start[-1] = 0
    with pytest.raises(ValueError, match='identity 0 of start lies in two videos'):
        run(with_changes(town, start=start))
    for wrong in (
        dict(false_share=0),
        dict(separated=2),
        dict(neighbours=1),
        dict(index='lsh'),
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            GlobalRule(**wrong)


def test_real_tracklets(stress):
    """From the true people of each video: found with few errors, or nothing touched."""
    people = np.stack([stress.video, np.unique(stress.person, return_inverse=True)[1]])
    start = np.unique(people, axis=1, return_inverse=True)[1].ravel()
    scene = with_changes(stress, start=start)
    identity, report = run(scene)
    before, after = (score_labels(x, stress.person) for x in (start, identity))
    assert after['f1'] >= before['f1']
    if stress.name == 'good':
        assert report.merges > 0
        assert after['precision'] >= 0.9
        assert after['f1'] >= before['f1'] + 0.02
    else:
        np.testing.assert_array_equal(identity, start)
