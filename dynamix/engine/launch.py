"""What the tools do to a config between the command line and the Runner."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from dynamix.datasets.samplers import Composition

from .command_line import config_errors
from .tool_runner import ToolRunner

# What is wrong in a config and known when the Runner is built.
BUILD_ERRORS = (FileNotFoundError, KeyError, TypeError, ValueError)

# rank, number of ranks
RANK_VARIABLES = dict(
    pytorch=('RANK', 'WORLD_SIZE'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
)


def launched_rank(launcher: str) -> tuple[int, int]:
    """Returns rank and number of ranks, before the ranks are connected.

    Args:
        launcher (str): ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Raises:
        RuntimeError: If an environment variable that the launcher sets is missing.
    """
    if launcher == 'none':
        return 0, 1
    try:
        rank, size = (int(os.environ[name]) for name in RANK_VARIABLES[launcher])
    except KeyError as error:
        raise RuntimeError(
            f'--launcher {launcher} needs the environment variable {error}: start the '
            'tool by tools/dist_*.sh, tools/slurm_*.sh or torchrun.'
        ) from None
    return rank, size


def set_work_dir(cfg: Config, config_path: str, work_dir: str | None) -> None:
    """Chooses ``work_dir``: command line, then config, then the config's name.

    Args:
        cfg (Config): Changed in place.
        config_path (str): File the config was read from.
        work_dir (str, optional): From the command line.
    """
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(config_path).stem))


def set_loader_defaults(cfg: Config) -> None:
    """Fills in what every data loader of MMPretrain's tools has.

    Args:
        cfg (Config): Changed in place. What a loader sets stays, but for workers that
            persist where there are none.
    """
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(field) is None:
            continue
        defaults = dict(
            pin_memory=torch.cuda.is_available(),
            collate_fn=dict(type='default_collate'),
            persistent_workers=True,
        )
        cfg[field] = {**defaults, **cfg[field].to_dict()}
        if cfg[field].get('num_workers', 0) == 0:
            cfg[field].persistent_workers = False


def share_out_batch(cfg: Config, world_size: int) -> str | None:
    """Sets the batch size of a rank: its share of the global batch.

    A config states the composition of the global batch, whatever the number of ranks.

    Args:
        cfg (Config): Changed in place.
        world_size (int): Number of ranks.

    Returns:
        str, optional: A warning, if ``train_dataloader.batch_size`` is set and has no
        effect. No error: the config that a run writes down has that of its number of
        ranks.

    Raises:
        ValueError: If the batch cannot be divided by so many ranks.
    """
    if cfg.get('train_dataloader') is None:
        return None  # the Runner says what is missing
    sampler = cfg.train_dataloader.sampler
    composition = Composition(
        sampler.get('multi_camera', {}), sampler.get('single_camera', {})
    )
    composition.check_world_size(world_size)
    share = composition.batch_size // world_size
    given = cfg.train_dataloader.get('batch_size')
    cfg.train_dataloader.batch_size = share
    if given in (None, share):
        return None
    return (
        f'train_dataloader.batch_size={given} has no effect: multi_camera and '
        'single_camera of train_dataloader.sampler make a global batch of '
        f'{composition}, {share} for each of {world_size} ranks.'
    )


def start_cpu_ranks(cfg: Config) -> None:
    """Connects the ranks of torchrun on a machine without a GPU.

    MMEngine always binds a rank to a GPU; here the process group is made before it
    does, and the model is wrapped without device ids.

    Args:
        cfg (Config): Changed in place.
    """
    if cfg.launcher == 'none' or torch.cuda.is_available():
        return
    torch_dist.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    cfg.sync_bn = None


def run_among_ranks(cfg: Config, task: Callable[[Runner], object]) -> None:
    """Builds the Runner of a config, runs a task with it and leaves the process group.

    The group's threads must end before the interpreter does, or they may abort it.

    Args:
        cfg (Config): With ``launcher``; may name a ``runner_type``.
        task (Callable[[Runner], object]): Must not keep the Runner, which holds the
            group.
    """
    start_cpu_ranks(cfg)
    runner = None
    try:
        with config_errors(cfg.filename, BUILD_ERRORS):
            own_type = 'runner_type' in cfg
            runner = RUNNERS.build(cfg) if own_type else ToolRunner.from_cfg(cfg)
        # data sets are read when the loop is built
        with config_errors(cfg.filename, (FileNotFoundError,)):
            task(runner)
    finally:
        runner = None
        gc.collect()
        if torch_dist.is_available() and torch_dist.is_initialized():
            torch_dist.destroy_process_group()
