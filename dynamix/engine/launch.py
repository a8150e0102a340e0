"""What the tools do to a config between the command line and the Runner."""

from __future__ import annotations

import os
import os.path as osp
from datetime import timedelta

import torch
import torch.distributed as torch_dist
from mmengine.config import Config

from dynamix.datasets.samplers import Composition

from .checkpoint_file import latest_checkpoint

WORLD_SIZE_VARIABLE = dict(
    pytorch='WORLD_SIZE', slurm='SLURM_NTASKS', mpi='OMPI_COMM_WORLD_SIZE'
)
RANK_VARIABLE = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')


def world_size_of(launcher: str) -> int:
    """Number of processes that a launcher has started.

    Args:
        launcher (str): ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Returns:
        int: 1 for ``'none'``.

    Raises:
        RuntimeError: If the launcher's environment variable is missing.
    """
    return 1 if launcher == 'none' else _told(launcher, WORLD_SIZE_VARIABLE)


def _told(launcher: str, variables: dict[str, str]) -> int:
    variable = variables[launcher]
    if variable not in os.environ:
        raise RuntimeError(
            f'--launcher {launcher} needs the environment variable {variable}, which '
            'the launcher sets: start the tool by tools/dist_*.sh, tools/slurm_*.sh or '
            'torchrun.'
        )
    return int(os.environ[variable])


def is_first_rank(launcher: str) -> bool:
    """Whether this is the process that writes; known before the ranks have met.

    Args:
        launcher (str): ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Returns:
        bool: True for ``'none'``.

    Raises:
        RuntimeError: If the launcher's environment variable is missing.
    """
    return launcher == 'none' or _told(launcher, RANK_VARIABLE) == 0


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
        name = osp.splitext(osp.basename(config_path))[0]
        cfg.work_dir = osp.join('work_dirs', name)


def set_loader_defaults(
    cfg: Config, pin_memory: bool = True, persistent_workers: bool = True
) -> None:
    """Fills in what every data loader of MMPretrain's tools has.

    Args:
        cfg (Config): Changed in place; what a loader says itself stays, unless an
            argument is False.
        pin_memory (bool): False switches pinned memory off. Defaults to True.
        persistent_workers (bool): False lets workers end with the epoch.
            Defaults to True.
    """
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(field)
        if loader is None:
            continue
        workers = loader.get('num_workers', 0) > 0
        defaults = dict(
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers,
            collate_fn=dict(type='default_collate'),
        )
        merged = {**defaults, **loader.to_dict()}
        merged['pin_memory'] = merged['pin_memory'] and pin_memory
        merged['persistent_workers'] = (
            merged['persistent_workers'] and persistent_workers and workers
        )
        cfg[field] = merged


def choose_start(cfg: Config, resume: str) -> str:
    """Decides what a training that is told to resume begins with.

    Args:
        cfg (Config): With ``work_dir``; ``resume`` and ``load_from`` are set.
        resume (str): A checkpoint, or ``'auto'``: the latest in ``work_dir``. While
            there is none, the training begins as if it were not told to resume.

    Returns:
        str: What was decided, for the log.

    Raises:
        ValueError: If the latest checkpoint is missing or cut off.
    """
    if resume != 'auto':
        cfg.resume, cfg.load_from = True, resume
        return f'--resume: goes on from {resume}.'
    latest = latest_checkpoint(cfg.work_dir)
    if latest is not None:
        cfg.resume, cfg.load_from = True, None
        return f'--resume: goes on from {latest}, the latest in {cfg.work_dir}.'
    cfg.resume = False
    begins = 'begins anew'
    if cfg.get('load_from') is not None:
        begins = f'begins with the weights of load_from={cfg.load_from}'
    return f'--resume: {cfg.work_dir} has no checkpoint yet, so training {begins}.'


def share_out_batch(cfg: Config, world_size: int) -> str | None:
    """Divides the global batch over the ranks.

    A config states the composition of the global batch, whatever the number of ranks;
    the loader of each rank needs its share.

    Args:
        cfg (Config): Changed in place.
        world_size (int): Number of ranks.

    Returns:
        str, optional: A warning for the log, if the config has another
        ``train_dataloader.batch_size``. No error: the config that a run writes down
        has that of its number of ranks.

    Raises:
        ValueError: If the batch cannot be dealt to so many ranks.
    """
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
    """Lets several ranks run on a machine without GPU.

    MMEngine always binds a rank to a GPU; here the group is made before it looks, and
    the model wrapped without device ids. ``env_cfg.dist_cfg.timeout`` (seconds) holds
    here, too.

    Args:
        cfg (Config): Changed in place.
    """
    if cfg.launcher == 'none' or torch.cuda.is_available():
        return
    if cfg.launcher == 'slurm':
        os.environ.setdefault('RANK', os.environ['SLURM_PROCID'])
        os.environ.setdefault('WORLD_SIZE', os.environ['SLURM_NTASKS'])
        os.environ.setdefault('LOCAL_RANK', os.environ['SLURM_LOCALID'])
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    torch_dist.init_process_group(
        'gloo', timeout=None if seconds is None else timedelta(seconds=seconds)
    )
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    cfg.sync_bn = None
