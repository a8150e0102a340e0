from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from dynamix.relabeling import RelabelRule, relabel
from dynamix.relabeling.block_threads import map_blocks

from .conftest import add_errors, make_videos


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_order_is_kept_and_blocks_run_side_by_side(threads):
    inside, most, lock = 0, 0, threading.Lock()

    def work(block):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        assert torch.get_num_threads() == 1
        time.sleep(0.02 / (block + 1))
        with lock:
            inside -= 1
        return block * block

    assert list(map_blocks(work, range(9))) == [k * k for k in range(9)]
    assert most == threads
    assert torch.get_num_threads() == threads
    most = 0
    assert list(map_blocks(work, range(4), on_gpu=True)) == [0, 1, 4, 9]
    assert most == 1


def test_an_error_ends_it(threads):
    def work(block):
        if block == 2:
            raise ValueError('block 2')
        return block

    with pytest.raises(ValueError, match='block 2'):
        list(map_blocks(work, range(100)))
    assert torch.get_num_threads() == threads
    assert list(map_blocks(work, [])) == []


def test_labels_do_not_depend_on_threads():
    scene = make_videos()
    add_errors(scene, 0.1)
    before = torch.get_num_threads()
    labels = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        try:
            labels.append(
                relabel(
                    scene.embedding,
                    scene.valid,
                    scene.video,
                    scene.tracklet,
                    scene.frame,
                    scene.tracklet,
                    RelabelRule(),
                ).identity
            )
        finally:
            torch.set_num_threads(before)
    for other in labels[1:]:
        np.testing.assert_array_equal(labels[0], other)
