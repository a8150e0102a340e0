from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from sklearn.metrics import silhouette_score

from dynamix.relabeling.linkage import link
from dynamix.relabeling.merging import (
    NO_MERGES,
    MergeLevel,
    _best_height,
    log_sizes,
    merge_level,
    merge_pieces,
    pairs_above,
)
from dynamix.relabeling.silhouette import silhouette

NOBODY = np.empty((0, 2), np.int64)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def draw(videos=20, people=5, fragments=3, spread=0.3, dim=32, seed=0):
    """Vectors of pieces, their videos and people."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(videos * people), fragments)
    x = unit(rng.normal(size=(videos * people, dim)))[person]
    x = unit(x + spread * rng.normal(size=x.shape) / np.sqrt(dim))
    return x.astype(np.float32), person // people, person


def level_of(x, video, forbidden=NOBODY):
    return merge_level(x, video, np.full(len(x), 10), forbidden, 0.3, 0)


def threshold_of(x, video, forbidden=NOBODY):
    return level_of(x, video, forbidden).similarity


@pytest.mark.parametrize('block', [3, 512])
def test_pairs_equal_looking_at_all(block, monkeypatch):
    monkeypatch.setattr('dynamix.relabeling.merging.BLOCK', block)
    x, video, _ = draw(4, spread=2)
    product = x @ x.T
    i, j = np.triu_indices(len(x), 1)
    near = (video[i] == video[j]) & (product[i, j] >= 0.1)
    pairs, score = pairs_above(x, video, np.full(len(x), 0.1))
    assert {(a, b) for a, b in pairs.tolist()} == {*zip(i[near], j[near])}
    np.testing.assert_allclose(score, product[pairs[:, 0], pairs[:, 1]], rtol=1e-5)


def test_level_rises_with_the_log_of_the_size():
    video = np.repeat([3, 5, 9], [2, 1, 4])
    np.testing.assert_allclose(log_sizes(video), np.log([2, 2, 1, 4, 4, 4, 4]))
    level = MergeLevel(0.5, width=0.1, typical=2).of(video)
    step = 0.1 * np.log(2)
    np.testing.assert_allclose(level, 0.5 + step * np.array([0, 0, -1, 1, 1, 1, 1]))
    assert (NO_MERGES.of(video) == np.inf).all()


@pytest.mark.parametrize('spread', [0.15, 0.2])
@pytest.mark.parametrize('seed', range(3))
def test_large_videos_ask_for_more_as_the_truth_does(seed, spread):
    rng = np.random.default_rng(seed)
    people = np.tile([4, 40], 30)
    person = np.repeat(np.arange(people.sum()), 3)
    video = np.repeat(np.arange(60), people)[person]
    x = unit(rng.normal(size=(people.sum(), 16)))[person]
    x = unit(x + spread * rng.normal(size=x.shape)).astype(np.float32)
    pairs, score = pairs_above(x, video)
    same = (person[pairs[:, 0]] == person[pairs[:, 1]]).astype(float)
    even_odds = []
    for kind in (0, 1):
        here = np.flatnonzero(video[pairs[:, 0]] % 2 == kind)
        here = here[np.argsort(score[here])]
        share = isotonic_regression(same[here]).x
        even_odds.append(score[here][np.searchsorted(share, 0.5)])
    level = level_of(x, video).of(video)
    rise = level[video == 1][0] - level[video == 0][0]
    assert rise == pytest.approx(even_odds[1] - even_odds[0], rel=0.35)


def test_the_trees_that_are_cut_are_those_that_videos_are_merged_by(monkeypatch):
    x, video, _ = draw(12, people=8, fragments=5, spread=1.1)
    trees = []

    def spy(*args, **options):
        trees.append(link(*args, **options))
        return trees[-1]

    monkeypatch.setattr('dynamix.relabeling.merging.link', spy)
    level = level_of(x, video)
    merged = merge_pieces(x, video, NOBODY, level)
    assert len(merged.height) == (trees[0].height >= level.similarity).sum() > 100
    assert level.width > 0.01


def test_a_gap_between_people_serves_videos_of_all_sizes():
    x, video, _ = draw()
    assert level_of(x, video).width < 0.02


def test_silhouette_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = unit(rng.normal(size=(30, 4)))
    cluster = rng.integers(0, 9, 30)
    cluster[0] = 9
    i, j = np.triu_indices(30, 1)
    found = silhouette(cluster, np.stack([i, j], 1), (x[i] * x[j]).sum(1))
    distance = 1 - x @ x.T
    np.fill_diagonal(distance, 0)
    expected = silhouette_score(distance, cluster, metric='precomputed')
    assert found == pytest.approx(expected)


def test_silhouette_looks_within_videos():
    x, video, person = draw(3)
    pairs, score = pairs_above(x, video)
    alone = []
    for v in range(3):
        here = video == v
        pairs_v, score_v = pairs_above(x[here], video[here])
        cluster = np.unique(person[here], return_inverse=True)[1]
        alone.append(silhouette(cluster, pairs_v, score_v))
    assert silhouette(person, pairs, score) == pytest.approx(np.mean(alone))
    assert silhouette(np.zeros(len(x), int), pairs, score) == 0


@pytest.mark.parametrize('spread', [0.3, 0.8])
def test_threshold_lies_between_people(spread):
    x, video, person = draw(spread=spread)
    pairs, score = pairs_above(x, video)
    same = person[pairs[:, 0]] == person[pairs[:, 1]]
    threshold = threshold_of(x, video)
    assert np.quantile(score[~same], 0.9) < threshold < np.quantile(score[same], 0.2)


def test_nothing_merges_where_nobody_is_fragmented():
    x, video, _ = draw(fragments=1, people=12)
    assert threshold_of(x, video) == np.inf
    one_video = threshold_of(x, np.zeros(len(x), int))
    assert one_video == np.inf, 'no strangers to compare with'
    assert threshold_of(x[:0], video[:0]) == np.inf


@pytest.mark.parametrize('seed', range(8))
def test_the_cut_lies_in_a_clear_gap(seed):
    """Of a few fragments, all merge; of two people by chance alike, none does."""
    x, video, person = draw(40, people=6, fragments=2, seed=seed)
    whole = np.ones(len(x), bool)
    whole[1::2] = np.random.default_rng(seed).random(len(x) // 2) < 0.1
    twin, other = np.flatnonzero(video == 3)[[0, 2]]
    rest = unit(x[other] - x[other] @ x[twin] * x[[twin]])[0]
    x[other] = 0.55 * x[twin] + (1 - 0.55**2) ** 0.5 * rest
    x, video, person = x[whole], video[whole], person[whole]
    pairs, score = pairs_above(x, video)
    same = person[pairs[:, 0]] == person[pairs[:, 1]]
    threshold = threshold_of(x, video)
    assert score[~same].max() < threshold < score[same].min()


def test_a_cut_moves_up_only_into_the_widest_gap():
    heights = np.array([0.99, 0.98, 0.97, 0.96, 0.95, 0.55, 0.5, 0.2, 0.1])
    values = np.array([0.97, 0.97, 0.97, 0.97, 0.97, 1.0, 0.98, 0.98, 0.9])

    def cut(values=values, nothing=0.5, heights=heights):
        """Position of the last merge, if the cut is in the middle below it."""
        height = _best_height(values, nothing, np.arange(9), heights)
        middles = (heights[1:] + heights[:-1]) / 2
        return int(np.flatnonzero(np.isclose(middles, height))[0])

    assert cut() == 4
    assert cut(nothing=0.98) == 5, 'to merge nothing would be better'
    assert cut(values - np.array([0, 0, 0, 0, 0.1, 0, 0, 0, 0])) == 5, 'much worse'
    below = np.where(heights == 0.5, 0.12, np.where(heights == 0.2, 0.11, heights))
    assert cut(heights=below) == 5, 'a wider gap is below'
    assert cut(np.where(heights == 0.98, 1.1, values)) == 1


def test_of_cuts_that_are_as_good_the_middle_is_taken():
    heights = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3])

    def height(*values, nothing=0.0):
        return _best_height(np.array(values), nothing, np.arange(6), heights)

    assert height(0, 0, 1, 0, 0, 0) == pytest.approx(0.65)
    assert height(0, 0.999, 1, 0.995, 0, 0) == pytest.approx(0.6), 'from 0.8 to 0.4'
    assert height(0, 0.98, 1, 0.995, 0, 0) == pytest.approx(0.55)
    assert height(0.999, 0, 1, 0.995, 0, 0) == pytest.approx(0.55), 'one range'
    assert height(0, 0.99, 1, 0.995, 0, 0, nothing=0.992) == pytest.approx(0.55)
    assert height(0, 0, 0, 0, 0.995, 1) == pytest.approx(0.35), 'down to the last'


def test_vetoes_count_as_evidence():
    x, video, _ = draw(people=4, fragments=2)
    x[1::2] = x[::2]
    assert threshold_of(x, video) < 1
    twins = np.stack([np.arange(0, len(x), 2), np.arange(1, len(x), 2)], 1)
    assert threshold_of(x, video, twins) == np.inf


@pytest.mark.parametrize('seed', range(3))
def test_look_alikes_of_a_video_are_known_by_those_seen_together(seed):
    # people of one video in two kinds of clothes: more alike than strangers of two
    rng = np.random.default_rng(seed)
    video = np.repeat(np.arange(40), 8)
    kind = np.tile(np.arange(8) % 2, 40) + 2 * video
    x = unit(rng.normal(size=(80, 32))[kind] + 0.5 * rng.normal(size=(320, 32)))
    assert threshold_of(x, video) < 1
    pairs, _ = pairs_above(x, video)
    together = pairs[rng.random(len(pairs)) < 0.5]
    assert threshold_of(x, video, together) == np.inf
    # of one person each, those of a kind are never seen together
    apart = together[kind[together[:, 0]] != kind[together[:, 1]]]
    assert threshold_of(x, video, apart) < 1


def test_people_who_are_always_seen_together():
    x, video, _ = draw(60, people=1, fragments=2)
    pairs = np.stack([np.arange(0, len(x), 2), np.arange(1, len(x), 2)], 1)
    assert threshold_of(x, video, pairs) == np.inf


def test_a_long_video_does_not_decide_alone(monkeypatch):
    x, video, _ = draw()
    video[video < 10] = 0
    whole = threshold_of(x, video)
    monkeypatch.setattr('dynamix.relabeling.merging.MAX_PIECES', 20)
    monkeypatch.setattr('dynamix.relabeling.merging.MAX_PAIRS', 600)
    assert threshold_of(x, video) == pytest.approx(whole, abs=0.1)
