from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.gloo_ranks import run_ranks

from .two_ranks import both_ways, steps


@pytest.fixture(scope='module')
def joint() -> dict[str, Any]:
    return steps(0, 1)


@pytest.mark.parametrize('world_size', [2, 3])
def test_ranks_equal_one_process_with_the_joint_batch(
    world_size: int, joint: dict[str, Any]
) -> None:
    assert joint['losses'][0]['loss_camera_centroid'] > 0
    for number, (plain, sharded) in enumerate(run_ranks(world_size, both_ways)):
        for result in (plain, sharded):
            for found, expected in zip(result['losses'], joint['losses']):
                assert found == pytest.approx(expected, rel=1e-12)
            for found, expected in zip(result['gradients'], joint['gradients']):
                torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
            for key, expected in joint['state'].items():
                assert torch.equal(result['state'][key], expected), key
            assert torch.equal(result['index'], joint['index'])
            torch.testing.assert_close(result['embeddings'], joint['embeddings'])
        assert plain['part'] == 7
        assert sharded['part'] == len(range(number, 7, world_size))
        if number == 0:
            for key, expected in joint['state'].items():
                assert torch.equal(sharded['resumed'][key], expected), key
