from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from dynamix.relabeling import relabel
from dynamix.relabeling.block_threads import map_blocks

from .conftest import add_errors, make_videos


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def blas_threads():
    # Faiss brings one that counts for each thread by itself, and that no block uses
    return [
        pool['num_threads']
        for pool in threadpool_info()
        if pool['user_api'] == 'blas' and pool['threading_layer'] != 'openmp'
    ]


def threads_of_a_new_thread():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def test_blocks_run_side_by_side_and_keep_their_order(threads):
    meet = threading.Barrier(threads, timeout=30)
    before = blas_threads()

    def work(block):
        # goes on when as many are here
        meet.wait()
        assert torch.get_num_threads() == 1
        assert set(blas_threads()) == {1}
        return block * block

    assert map_blocks(work, range(9)) == [k * k for k in range(9)]
    assert torch.get_num_threads() == threads_of_a_new_thread() == threads
    assert blas_threads() == before


def test_an_error_ends_it(threads):
    def work(block):
        if block == 2:
            raise ValueError('block 2')
        return block

    with pytest.raises(ValueError, match='block 2'):
        map_blocks(work, range(100))
    assert torch.get_num_threads() == threads_of_a_new_thread() == threads
    assert map_blocks(work, []) == []


def test_labels_do_not_depend_on_threads():
    scene = make_videos()
    add_errors(scene, 0.1)
    before = torch.get_num_threads()
    labels = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        try:
            found = relabel(
                scene.embedding, scene.video, scene.tracklet, frame=scene.frame
            )
            labels.append(found.identity)
        finally:
            torch.set_num_threads(before)
    for other in labels[1:]:
        np.testing.assert_array_equal(labels[0], other)
