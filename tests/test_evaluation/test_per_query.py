from __future__ import annotations

import csv
import os

import numpy as np
import pytest
import torch

from dynamix.evaluation import ranking

from .test_reid_metric import change, make_samples, run


def written(samples, path, **options):
    scores = run(samples, per_query=str(path), **options)
    with open(path, newline='') as file:
        return scores, list(csv.DictReader(file))


def slow_list(samples, query, split):
    """What a query is ranked against, nearest first, and which of it is a match."""
    feature = query.feature / query.feature.norm()
    gallery = [
        g
        for g in samples
        if split in g.gallery_splits
        and g.identity != -1
        and not (g.identity == query.identity and g.camera == query.camera)
    ]
    score = [float(feature @ (g.feature / g.feature.norm())) for g in gallery]
    order = np.argsort(-np.array(score), kind='stable')
    return [(gallery[i].img_path, gallery[i].identity == query.identity) for i in order]


@pytest.mark.parametrize('block_bytes', [4 * 30 * 7, 2**24])
def test_rows_are_those_of_a_slow_search(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(ranking, 'BLOCK_BYTES', block_bytes)
    samples = make_samples(splits=2)
    rng = np.random.default_rng(1)
    for sample in samples:
        sample.feature += torch.from_numpy(0.01 * rng.normal(size=6))
    change(samples[:3], identity=-1)
    change(samples[3:4], identity=77)
    change([s for s in samples if s.identity == 2], camera=0)
    scores, rows = written(samples, tmp_path / 'new' / 'queries.csv')
    by_path = {sample.img_path: sample for sample in samples}
    of_splits = []
    for split in (0, 1):
        queries = [s.img_path for s in samples if split in s.query_splits]
        mine = [row for row in rows if row['split'] == str(split)]
        assert [row['query'] for row in mine] == queries
        precision = []
        for row in mine:
            query = by_path[row['query']]
            assert row['target'] == 'shop'
            assert (row['identity'], row['camera']) == (
                str(query.identity),
                str(query.camera),
            )
            expected = slow_list(samples, query, split)
            places = [n for n, (_, right) in enumerate(expected, 1) if right]
            found = [
                (row[f'gallery_{n}'], row[f'match_{n}'] == '1') for n in range(1, 11)
            ]
            if query.identity == -1:
                reason = 'junk'
            elif places:
                reason = ''
            elif query.identity == 77:
                reason = 'not in the gallery'
            else:
                reason = 'seen by no other camera'
            assert row['dropped'] == reason
            if query.identity != -1:
                assert found == expected[:10]
            if reason:
                assert row['AP'] == row['first_match'] == ''
                continue
            precision.append(float(row['AP']))
            assert row['first_match'] == str(places[0])
            hits = np.arange(1, len(places) + 1) / places
            assert precision[-1] == pytest.approx(100 * hits.mean())
        of_splits.append(np.mean(precision))
    assert scores['shop/mAP'] == pytest.approx(np.mean(of_splits))
    assert {row['dropped'] for row in rows} >= {'', 'junk', 'seen by no other camera'}


def test_a_list_may_be_short(tmp_path):
    samples = make_samples()
    change(samples, query_splits=(0,), gallery_splits=())
    change(samples[:4], identity=1, gallery_splits=(0,))
    _, rows = written(samples, tmp_path / 'queries.csv', camera_aware=False)
    shortest = min(rows, key=lambda row: sum(map(bool, row.values())))
    assert shortest['gallery_3']
    assert not shortest['gallery_4']
    assert 'gallery_5' not in shortest


def test_paths_keep_their_bytes(tmp_path):
    samples = make_samples()
    change(samples, img_path=os.fsdecode(b'k\xc3\xbcche/caf\xe9 <1>, "a".jpg'))
    out = tmp_path / 'queries.csv'
    run(samples, per_query=str(out))
    assert b'"k\xc3\xbcche/caf\xe9 <1>, ""a"".jpg"' in out.read_bytes()
