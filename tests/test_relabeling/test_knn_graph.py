from __future__ import annotations

import builtins
import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.relabeling import knn_graph as module
from dynamix.relabeling.knn_graph import blocked_topk, knn_graph, recall


def draw(n, dim=16, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def slow(x, k):
    """Neighbours one by one; equals by lower number."""
    found = np.full((len(x), k), -1)
    for i, row in enumerate(x):
        scores = {
            j: float(row @ other)
            for j, other in enumerate(x)
            if j != i and other.any() and row.any()
        }
        order = sorted(scores, key=lambda j: (-scores[j], j))[:k]
        found[i, : len(order)] = order
    return found


@pytest.mark.parametrize('index', ['exact', 'auto', 'hnsw'])
def test_finds_the_nearest(index):
    x = draw(120)
    found = knn_graph(x, 7, index, device='cpu')
    np.testing.assert_array_equal(found.indices, slow(x, 7))
    expected = np.take_along_axis(x @ x.T, found.indices, 1)
    np.testing.assert_allclose(found.similarity, expected, atol=1e-6)
    assert found.indices.dtype == np.int64
    assert found.similarity.dtype == np.float32


def test_ivf_with_all_lists_is_exact_and_with_few_is_close():
    x = draw(20 * 64, dim=6)  # 20 clusters
    exact = knn_graph(x, 10, 'exact', device='cpu').indices
    every = knn_graph(x, 10, 'ivf', device='cpu', probes=20).indices
    np.testing.assert_array_equal(every, exact)
    few = knn_graph(x, 10, 'ivf', device='cpu', probes=5).indices
    one = knn_graph(x, 10, 'ivf', device='cpu', probes=1).indices
    assert recall(one, exact) < recall(few, exact)
    assert recall(few, exact) > 0.85


@pytest.mark.parametrize('index', ['exact', 'ivf', 'hnsw'])
def test_same_arguments_same_result(index):
    x = draw(500)
    first, second = (knn_graph(x, 5, index, device='cpu') for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.similarity, second.similarity)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(1, 6), st.integers(0, 99))
def test_few_vectors_and_bad_ones(n, k, seed):
    x = draw(n, dim=4, seed=seed)
    bad = np.random.default_rng(seed).random(n) < 0.3
    x[bad] = np.where(np.arange(n)[bad, None] % 2, 0, np.nan)
    clean = np.where(bad[:, None], 0, x)
    found = knn_graph(x, k, 'exact', device='cpu')
    np.testing.assert_array_equal(found.indices, slow(clean, k))
    assert (np.isinf(found.similarity) == (found.indices < 0)).all()


def test_equals_come_in_order_and_never_oneself():
    x = np.repeat(draw(3), 5, axis=0)
    found = knn_graph(x, 4, 'exact', device='cpu').indices
    np.testing.assert_array_equal(found, slow(x, 4))
    crowd = np.ones((50, 4), np.float32) / 2
    found = knn_graph(crowd, 6, 'exact', device='cpu').indices
    assert not (found == np.arange(50)[:, None]).any()
    assert all(len(set(row)) == 6 for row in found)


def test_blocks_do_not_show(monkeypatch):
    x = draw(101)
    whole = blocked_topk(x, 6, torch.device('cpu'))
    monkeypatch.setattr(module, 'BLOCK_BYTES', 4 * 101 * 7)
    parts = blocked_topk(x, 6, torch.device('cpu'))
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], atol=1e-6)


@pytest.fixture
def said(monkeypatch):
    messages = []
    monkeypatch.setattr(
        module, 'print_log', lambda text, **kwargs: messages.append(text)
    )
    monkeypatch.setattr(torch.cuda, 'empty_cache', lambda: None)
    module._warn_of_memory.cache_clear()
    yield messages
    module._warn_of_memory.cache_clear()


def test_torch_serves_cuda_where_faiss_has_no_gpu(monkeypatch, said):
    x = draw(60)
    monkeypatch.setattr(module, '_num_gpus', lambda faiss: 0)
    used = []

    def stand_in(vectors, k, device):
        used.append(device.type)
        return blocked_topk(vectors, k, torch.device('cpu'))

    monkeypatch.setattr(module, 'blocked_topk', stand_in)
    found = knn_graph(x, 5, 'exact', device='cuda').indices
    np.testing.assert_array_equal(found, slow(x, 5))
    assert used == ['cuda']
    assert said == []


@pytest.mark.parametrize(
    'error',
    [
        torch.cuda.OutOfMemoryError('CUDA out of memory.'),
        RuntimeError('StandardGpuResources: alloc fail size 123'),
    ],
)
@pytest.mark.parametrize('gpus', [0, 1])
@pytest.mark.parametrize('index', ['exact', 'ivf'])
def test_falls_back_to_the_cpu_and_warns_once(monkeypatch, said, error, gpus, index):
    if index == 'ivf' and not gpus:
        pytest.skip('IVF has no path in PyTorch')
    x = draw(60)

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(torch.cuda, 'current_device', lambda: 0)
    monkeypatch.setattr(module, '_num_gpus', lambda faiss: gpus)
    monkeypatch.setattr(module, '_faiss_gpu', fail)
    monkeypatch.setattr(module, 'blocked_topk', fail)
    for _ in range(2):
        found = knn_graph(x, 5, index, device='cuda').indices
        np.testing.assert_array_equal(found, slow(x, 5))
    assert len(said) == 1
    assert 'memory of the GPU' in said[0]


@pytest.mark.parametrize(('index', 'expected'), [('auto', 'ivf'), ('exact', 'exact')])
def test_the_cpu_takes_over_as_it_would_have_begun(monkeypatch, said, index, expected):
    def fail(*args, **kwargs):
        raise torch.cuda.OutOfMemoryError('CUDA out of memory.')

    built = []
    ivf = module._ivf
    monkeypatch.setattr(module, 'EXACT_UP_TO', 50)
    monkeypatch.setattr(module, '_num_gpus', lambda faiss: 0)
    monkeypatch.setattr(module, 'blocked_topk', fail)
    monkeypatch.setattr(module, '_ivf', lambda *args: built.append('ivf') or ivf(*args))
    knn_graph(draw(60), 5, index, device='cuda')
    assert (built or ['exact']) == [expected]


def test_other_errors_of_the_gpu_are_not_hidden(monkeypatch, said):
    def fail(*args, **kwargs):
        raise RuntimeError('an illegal memory access was encountered')

    monkeypatch.setattr(module, '_num_gpus', lambda faiss: 0)
    monkeypatch.setattr(module, 'blocked_topk', fail)
    with pytest.raises(RuntimeError, match='illegal'):
        knn_graph(draw(60), 5, 'exact', device='cuda')


def test_missing_faiss_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == 'faiss':
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match=r"index='ivf' needs Faiss.*pip install"):
        knn_graph(draw(60), 5, 'ivf', device='cpu')


def test_refuses_workers_and_wrong_arguments(monkeypatch):
    with pytest.raises(ValueError, match='index must be one of'):
        knn_graph(draw(5), 2, 'lsh')
    with pytest.raises(ValueError, match='k must be at least 1'):
        knn_graph(draw(5), 0)
    with pytest.raises(ValueError, match='must be'):
        knn_graph(np.zeros(5), 1)
    monkeypatch.setattr(module, 'get_worker_info', lambda: types.SimpleNamespace(id=0))
    with pytest.raises(RuntimeError, match='main process'):
        knn_graph(draw(5), 2)


def test_recall_counts_shares():
    exact = np.array([[1, 2], [0, 2], [0, -1]])
    assert recall(exact, exact) == 1
    assert recall(np.array([[2, 1], [0, -1], [1, -1]]), exact) == pytest.approx(3 / 5)
    assert recall(np.full((3, 2), -1), np.full((3, 2), -1)) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
@pytest.mark.parametrize('index', ['exact', 'ivf'])
def test_gpu_agrees_with_cpu(index):
    x = draw(3000, dim=32)
    gpu, cpu = (knn_graph(x, 10, index, device=d) for d in ('cuda', 'cpu'))
    assert recall(gpu.indices, cpu.indices) > 0.99
    np.testing.assert_allclose(gpu.similarity, cpu.similarity, atol=1e-4)
