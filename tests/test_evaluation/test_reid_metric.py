from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dynamix.evaluation import (
    RankingLabels,
    ReIDMetric,
    expand_queries,
    feature_scores,
    k_reciprocal_scores,
    rank_blocks,
)
from dynamix.structures import ReIDDataSample

from .samples import make_samples, run


def change(samples: list[ReIDDataSample], **meta) -> list[ReIDDataSample]:
    for sample in samples:
        sample.set_metainfo(meta)
    return samples


def expected_scores(samples: list[ReIDDataSample], split: int = 0, **options):
    """The same through the plain functions."""
    query = [s for s in samples if split in s.query_splits]
    gallery = [s for s in samples if split in s.gallery_splits]
    labels = RankingLabels(
        *(
            np.array([s.get(key) for s in side])
            for key in ('identity', 'camera')[: 1 + options.get('camera_aware', True)]
            for side in (query, gallery)
        ),
    )
    features = [torch.stack([s.feature for s in side]) for side in (query, gallery)]
    if 'query_expansion' in options:
        features[0] = expand_queries(*features, **options['query_expansion'])
    if 'rerank' in options:
        block = k_reciprocal_scores(*features, **options['rerank'])
    else:
        block = feature_scores(*features)
    scores = rank_blocks(block, labels).scores(options.get('topk', (1, 5, 10)))
    return {key: 100 * value for key, value in scores.items()}


@pytest.mark.parametrize(
    'options',
    [
        dict(topk=(1, 3)),
        dict(camera_aware=False),
        dict(rerank=dict(k1=5, k2=2, lambda_value=0.5)),
        dict(query_expansion=dict(topk=3, alpha=1.0)),
        dict(query_expansion=dict(alpha=0), rerank=dict(k1=5)),
    ],
)
def test_one_target(options):
    samples = make_samples()
    found = run(samples, **options)
    expected = expected_scores(samples, **options)
    assert found == pytest.approx(
        {
            f'{who}/{key}': v
            for who in ('shop', 'average')
            for key, v in expected.items()
        }
    )


def test_targets_are_apart_and_averaged():
    first, second = make_samples('a', seed=1), make_samples('b', size=44, seed=2)
    mixed = [s for pair in zip(first, second) for s in pair] + first[44:]
    found = run(mixed)
    for key in ('Rank-1', 'Rank-5', 'Rank-10', 'mAP', 'mINP'):
        of_first, of_second = expected_scores(first)[key], expected_scores(second)[key]
        assert found[f'a/{key}'] == pytest.approx(of_first)
        assert found[f'b/{key}'] == pytest.approx(of_second)
        assert found[f'average/{key}'] == pytest.approx((of_first + of_second) / 2)


def test_splits_are_averaged():
    samples = make_samples(splits=4)
    of_splits = [expected_scores(samples, split)['mAP'] for split in range(4)]
    assert run(samples)['shop/mAP'] == pytest.approx(np.mean(of_splits))


def test_neither_order_nor_repeated_images_matter():
    samples = make_samples()
    expected = run(samples)
    order = np.random.default_rng(5).permutation(60)
    shuffled = [samples[i] for i in order] + samples[:9]
    assert run(shuffled, batch=4) == expected


def test_an_image_may_be_query_and_gallery():
    samples = change(make_samples(), query_splits=(0,), gallery_splits=(0,))
    score = run(samples, camera_aware=False)['shop/Rank-1']
    assert score < 100  # each image is its own nearest neighbour


def test_log_says_what_was_dropped(logged):
    samples = make_samples()
    change(samples[3:5], identity=50, camera=1)
    change(samples[0:1], identity=77)
    change(samples[1:3], identity=-1)
    for n, is_query in enumerate((True, True, False, True, False)):
        splits = ((0,), ()) if is_query else ((), (0,))
        change(samples[n : n + 1], query_splits=splits[0], gallery_splits=splits[1])
    change(samples[5:6], image_index=-1)
    scores = run(samples)
    text = '\n'.join(logged)
    assert (
        '3 queries dropped (1 seen by no other camera, 1 not in the gallery, 1 junk); '
        '1 junk gallery images left out; 1 unreadable images left out.'
    ) in text
    table = text[text.index('target') :].splitlines()
    assert table[0].split() == ['target', 'Rank-1', 'Rank-5', 'Rank-10', 'mAP', 'mINP']
    assert table[1].split() == [
        'shop',
        *(f'{scores[f"shop/{key}"]:.1f}' for key in table[0].split()[1:]),
    ]
    assert len({len(line) for line in table[:3]}) == 1


@pytest.mark.parametrize('camera_aware', [False, True])
@pytest.mark.parametrize('copies', [0, 1, 70])
def test_copies_of_queries_in_the_gallery_are_counted(logged, copies, camera_aware):
    """The first queries stand in the gallery again, as other images."""
    samples = make_samples(size=200)
    queries = [sample for sample in samples if sample.query_splits][:copies]
    for query in queries:
        copied = query.new()
        meta = dict(query_splits=(), gallery_splits=(0,), image_index=len(samples))
        copied.set_metainfo({**meta, 'camera': 3} if camera_aware else meta)
        samples.append(copied)
    # features are drawn from so few that some are equal by chance
    noise = torch.Generator().manual_seed(0)
    for sample in samples[:200]:
        sample.feature += 0.1 * torch.randn(6, generator=noise)
    for query, copied in zip(queries, samples[200:]):
        copied.feature = 1.001 * query.feature + 1e-6
    run(samples, camera_aware=camera_aware)
    found = [line for line in logged if 'match with the same embedding' in line]
    assert len(found) == (copies > 0)
    assert not copies or found[0].startswith(f'shop: {copies} queries')


def test_a_model_that_tells_nothing_apart_has_no_copies(logged):
    samples = make_samples()
    for sample in samples:
        sample.feature = torch.ones(6)
    run(samples, camera_aware=False)
    assert not any('same embedding' in line for line in logged)


def test_every_query_under_the_cameras_of_its_matches():
    samples = change(make_samples(), camera=0)
    with pytest.raises(ValueError, match=r"target 'shop'.*camera_aware=False"):
        run(samples)
    assert run(samples, camera_aware=False)['shop/Rank-1'] > 0


def nobody_in_the_gallery(samples):
    for sample in samples:
        change([sample], identity=sample.image_index)


def a_split_without_gallery(samples):
    for sample in samples:
        change([sample], query_splits=(0, 1))


def features_that_are_maps(samples):
    for sample in samples:
        sample.feature = torch.ones(6, 2, 2)


def features_that_are_not_finite(samples):
    samples[7].feature[2] = math.nan
    samples[9].feature[0] = -math.inf


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (nobody_in_the_gallery, r"'shop'.*30 not in the gallery\)\.$"),
        (a_split_without_gallery, "split 1 of target 'shop' has no gallery"),
        (features_that_are_not_finite, r"2 of 60 .* 'shop' .* that of shop/7\.jpg"),
        (features_that_are_maps, "'shop' must be vectors"),
        (
            lambda samples: change(samples, image_index=-1),
            "no image of target 'shop' could be read",
        ),
        (
            lambda samples: change(samples, query_splits=()),
            "split 0 of target 'shop' has no query",
        ),
    ],
)
def test_what_cannot_be_scored_is_named(spoil, message):
    samples = make_samples()
    spoil(samples)
    with pytest.raises(ValueError, match=message):
        run(samples)


def test_a_target_without_cameras_is_refused_before_training():
    meta = dict(camera_problems=['no query of shop has a match'])
    with pytest.raises(ValueError, match='no query of shop'):
        ReIDMetric().dataset_meta = meta
    for metric, found in (
        (ReIDMetric(camera_aware=False), meta),
        (ReIDMetric(), dict(camera_problems=[])),
        (ReIDMetric(), None),
    ):
        metric.dataset_meta = found
        assert metric.dataset_meta is found


def test_samples_of_a_training_set():
    sample = ReIDDataSample(feature=torch.ones(2), metainfo=dict(image_index=0))
    with pytest.raises(KeyError, match='target, identity, camera, query_splits'):
        run([sample])


@pytest.mark.parametrize(
    'option',
    [
        dict(rerank=True),
        dict(rerank=dict(k=1)),
        dict(rerank=dict(k1=0)),
        dict(rerank=dict(k2=-8)),
        dict(rerank=dict(lambda_value=1.5)),
        dict(query_expansion=3),
        dict(query_expansion=dict(k=1)),
        dict(query_expansion=dict(topk=0)),
        dict(query_expansion=dict(alpha=-1)),
        dict(reranking=None),
    ],
)
def test_bad_options_are_named(option):
    with pytest.raises((TypeError, ValueError), match=next(iter(option))):
        ReIDMetric(**option)
