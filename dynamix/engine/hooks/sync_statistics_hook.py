from __future__ import annotations

from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from dynamix.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Averages the statistics of batch normalization over ranks after each epoch.

    Without it, where normalization itself is not synchronized (on CPUs, or with
    ``sync_bn=None``), each rank would evaluate with its own statistics, and the
    checkpoint would hold those of rank 0. All other buffers belong to their rank: DDP's
    ``broadcast_buffers``, which would overwrite centroid memories with those of rank 0
    in every forward, is switched off.
    """

    # before CheckpointHook (VERY_LOW) writes
    priority = 'NORMAL'

    def before_train(self, runner: Runner) -> None:
        """Switches off the broadcast of buffers, whatever ``model_wrapper_cfg`` has."""
        for module in runner.model.modules():
            if isinstance(module, DistributedDataParallel):
                module.broadcast_buffers = False

    def after_train_epoch(self, runner: Runner) -> None:
        """Averages means and variances of encoder and momentum encoder."""
        statistics = [
            x
            for norm in runner.model.modules()
            if isinstance(norm, _BatchNorm)
            and not isinstance(norm, nn.SyncBatchNorm)
            and norm.track_running_stats
            for x in (norm.running_mean, norm.running_var)
        ]
        if statistics:
            all_reduce_params(statistics, op='mean')
