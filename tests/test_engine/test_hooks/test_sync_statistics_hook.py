"""Statistics of batch normalisation over real ranks."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as torch_dist
from torch import nn

from dynamix.engine import SyncStatisticsHook

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


def _worker(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2
    )
    model = make_model(MEANS[rank])
    SyncStatisticsHook().after_train_epoch(SimpleNamespace(model=model))
    torch.save(model.state_dict(), f'{folder}/{rank}.pth')
    torch_dist.destroy_process_group()


@pytest.mark.slow
def test_ranks_have_the_same_statistics(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(_worker, (port, str(tmp_path)), nprocs=2)
    for rank, own in enumerate(MEANS):
        found = torch.load(tmp_path / f'{rank}.pth')
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
