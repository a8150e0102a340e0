"""Statistics of batch normalisation over real ranks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dynamix.engine import SyncStatisticsHook
from tests.gloo_ranks import run_ranks

MEANS = 2.0, 6.0


def make_model(mean: float) -> nn.Module:
    norms = [nn.BatchNorm2d(3), nn.SyncBatchNorm(3), nn.BatchNorm1d(3)]
    model = nn.ModuleList([*norms, nn.InstanceNorm1d(3), nn.LayerNorm(3)])
    model.append(nn.BatchNorm1d(3, track_running_stats=False))
    model.register_buffer('memory', torch.full((2,), mean))
    for norm in norms:
        norm.running_mean.fill_(mean)
        norm.running_var.fill_(10 * mean)
        norm.num_batches_tracked.fill_(5)
    return model


def statistics_of(rank: int, count: int) -> dict[str, torch.Tensor]:
    model = make_model(MEANS[rank])
    SyncStatisticsHook().after_train_epoch(SimpleNamespace(model=model))
    return model.state_dict()


@pytest.mark.slow
def test_ranks_have_the_same_statistics_but_their_own_memories() -> None:
    for own, found in zip(MEANS, run_ranks(2, statistics_of)):
        expected = make_model(own).state_dict()
        for name in ('0', '2'):
            expected[f'{name}.running_mean'].fill_(4.0)
            expected[f'{name}.running_var'].fill_(40.0)
        # those that are synchronised already, and all else, stay
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert torch.equal(found[key], value), key


def test_one_process_keeps_its_own() -> None:
    model = make_model(2.0)
    SyncStatisticsHook().after_train_epoch(SimpleNamespace(model=model))
    assert model[0].running_mean.eq(2).all()
