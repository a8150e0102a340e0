from __future__ import annotations

from mmengine.dist import all_reduce_params, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dynamix.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Averages the statistics of batch normalisation over ranks after each epoch.

    Without it, where normalisation itself is not synchronised (on CPUs, or with
    ``sync_bn=None``), each rank would evaluate with statistics of its own, and the
    checkpoint would hold those of rank 0. MMEngine's ``SyncBuffersHook`` would average
    the centroid memories, too.
    """

    # before CheckpointHook (VERY_LOW) writes
    priority = 'NORMAL'

    def after_train_epoch(self, runner: Runner) -> None:
        """Averages means and variances of encoder and momentum encoder."""
        if get_world_size() == 1:
            return
        norms = (
            module
            for module in runner.model.modules()
            if isinstance(module, _BatchNorm)
            and not isinstance(module, nn.SyncBatchNorm)
            and module.track_running_stats
        )
        statistics = [
            x for norm in norms for x in (norm.running_mean, norm.running_var)
        ]
        if statistics:
            all_reduce_params(statistics, op='mean')
