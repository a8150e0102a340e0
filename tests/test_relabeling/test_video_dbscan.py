from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from dynamix.relabeling import video_dbscan as module
from dynamix.relabeling.segments import unit
from dynamix.relabeling.video_dbscan import video_dbscan


def draw(seed, n, videos, spread=0.5):
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(6, 3))
    x = unit(centre[rng.integers(0, 6, n)] + spread * rng.normal(size=(n, 3)))
    return x.astype(np.float32), rng.integers(0, videos, n)


def run(x, video, eps, min_samples):
    return video_dbscan(x, np.arange(len(x)), video, eps, min_samples, 'cpu')


def check(found, x, video, eps, min_samples):
    """Equal to scikit-learn video by video, border points apart."""
    seen = set()
    for v in np.unique(video):
        rows = np.flatnonzero(video == v)
        distance = np.maximum(1 - x[rows].astype(np.float64) @ x[rows].T, 0)
        np.fill_diagonal(distance, 0)
        # rounding decides nothing
        assume((np.abs(distance - eps) > 1e-5).all())
        fitted = DBSCAN(eps=eps, min_samples=min_samples, metric='precomputed')
        expected = fitted.fit(distance).labels_
        ours = found[rows]
        np.testing.assert_array_equal(ours == -1, expected == -1)
        core = np.zeros(len(rows), bool)
        core[fitted.core_sample_indices_] = True
        pairs = set(zip(ours[core].tolist(), expected[core].tolist()))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        for i in np.flatnonzero(~core & (expected >= 0)):
            # of the core points near enough, the nearest gives the cluster
            near = np.where(core & (distance[i] <= eps), distance[i], np.inf)
            assert ours[i] in ours[near <= near.min() + 1e-6]
        names = set(ours[ours >= 0].tolist())
        assert not names & seen
        seen |= names
    assert seen == set(range(len(seen)))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(0, 80),
    st.integers(1, 7),
    st.sampled_from([0.003, 0.01, 0.03, 0.1]),
    st.integers(1, 6),
    st.sampled_from([1, 300, 5000, 1 << 23]),
)
def test_equals_sklearn_per_video(seed, n, videos, eps, min_samples, budget):
    x, video = draw(seed, n, videos)
    # a small budget forces slices of rows; both ways must agree
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'BUDGET', budget)
        found = run(x, video, eps, min_samples)
    check(found, x, video, eps, min_samples)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_images_does_not_matter(seed):
    x, video = draw(seed, 60, 3)
    base = run(x, video, 0.03, 4)
    order = np.random.default_rng(seed).permutation(60)
    other = run(x[order], video[order], 0.03, 4)
    pairs = set(zip(base[order].tolist(), other.tolist()))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_rows_and_precision():
    x, video = draw(3, 90, 4)
    rows = np.flatnonzero(np.arange(90) % 3 > 0)
    scaled = (x * np.linspace(0.5, 9, 90)[:, None]).astype(np.float16)
    found = video_dbscan(scaled, rows, video[rows], 0.05, 3, 'cpu')
    expected = run(unit(scaled.astype(np.float32))[rows], video[rows], 0.05, 3)
    np.testing.assert_array_equal(found, expected)


def test_long_video_needs_no_square(monkeypatch):
    sizes = []
    real = module.torch.bmm

    def watch(a, b):
        sizes.append(a.shape[0] * a.shape[1] * b.shape[2])
        return real(a, b)

    x, video = draw(0, 2000, 1, spread=0.3)
    video[:50] = 1
    whole = run(x, video, 0.001, 4)
    assert whole.max() > 1
    monkeypatch.setattr(module.torch, 'bmm', watch)
    monkeypatch.setattr(module, 'BUDGET', 40_000)
    np.testing.assert_array_equal(run(x, video, 0.001, 4), whole)
    assert max(sizes) <= 40_000


def test_batches_hold_each_row_once_within_the_budget(monkeypatch):
    monkeypatch.setattr(module, 'BUDGET', 1000)
    video = np.random.default_rng(0).integers(0, 40, 700) ** 2 // 60
    batches = list(module._batches(video))
    rows = np.concatenate([b[b >= 0] for b in batches])
    np.testing.assert_array_equal(np.sort(rows), np.arange(700))
    for batch in batches:
        assert len(batch) == 1 or batch.shape[0] * batch.shape[1] ** 2 <= 1000
        for row in batch:
            assert len(np.unique(video[row[row >= 0]])) == 1
