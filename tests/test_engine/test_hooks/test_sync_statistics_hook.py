"""Statistics of batch normalisation over real ranks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
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


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer('memory', torch.zeros(2))

    def forward(self) -> torch.Tensor:
        return self.scale * self.memory.sum()


def statistics_of(rank: int, count: int) -> tuple[dict[str, torch.Tensor], list[float]]:
    model = make_model(MEANS[rank])
    hook = SyncStatisticsHook()
    hook.after_train_epoch(SimpleNamespace(model=model))
    # as model_wrapper_cfg without broadcast_buffers=False makes it
    wrapped = MMDistributedDataParallel(Net(), device_ids=None)
    wrapped.module.memory.fill_(MEANS[rank])
    hook.before_train(SimpleNamespace(model=wrapped))
    outputs = [wrapped().item() for _ in range(2)]
    return model.state_dict(), outputs


@pytest.mark.slow
def test_ranks_have_the_same_statistics_but_their_own_memories() -> None:
    for own, (found, outputs) in zip(MEANS, run_ranks(2, statistics_of)):
        # memories are not overwritten by those of rank 0
        assert outputs == [2 * own] * 2
        expected = make_model(own).state_dict()
        for name in ('0', '2'):
            expected[f'{name}.running_mean'].fill_(4.0)
            expected[f'{name}.running_var'].fill_(40.0)
        # those that are synchronised already, and all else, stay
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert torch.equal(found[key], value), key
