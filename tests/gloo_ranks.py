"""Runs a function on several processes that speak by gloo."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp

from tests.strict_collectives import refuse_strided


def run_ranks(count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What a function returns on each rank.

    Args:
        count (int): Number of ranks.
        function (Callable): Of a module; takes rank and count, then the arguments.
        *arguments: Of the function.
    """
    # A server that has imported everything forks the ranks: no import for each.
    get_context('forkserver').set_forkserver_preload(['dynamix.engine'])
    with TemporaryDirectory() as folder:
        given = (count, folder, function, arguments)
        mp.start_processes(_work, given, nprocs=count, start_method='forkserver')
        files = [Path(folder) / f'{rank}.pt' for rank in range(count)]
        return [torch.load(file, weights_only=False) for file in files]


def _work(
    rank: int, count: int, folder: str, function: Callable, arguments: tuple
) -> None:
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{folder}/gloo', rank=rank, world_size=count
    )
    refuse_strided()
    torch.save(function(rank, count, *arguments), Path(folder) / f'{rank}.pt')
    torch_dist.destroy_process_group()
