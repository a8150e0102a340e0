from __future__ import annotations

import pytest
import torch

from tests.gloo_ranks import run_ranks

from .ranks import steps


@pytest.mark.parametrize('fraction', [1.0, 0.4])
def test_two_ranks_equal_one_process_with_the_joint_batch(fraction: float) -> None:
    joint = steps(0, 1, fraction)
    assert joint['losses'][0]['loss_camera_centroid'] > 0
    one, two = run_ranks(2, steps, fraction)
    for result in (one, two):
        for found, expected in zip(result['losses'], joint['losses']):
            assert found == pytest.approx(expected, rel=1e-12)
        torch.testing.assert_close(
            result['gradients'], joint['gradients'], rtol=1e-9, atol=1e-12
        )
        torch.testing.assert_close(dict(result['state']), dict(joint['state']))
    for key, value in one['state'].items():
        assert torch.equal(value, two['state'][key]), key
