"""Hooks: relabeling, labels and seeds of each epoch, checkpoints, checks."""

from .checkpoint_check_hook import CheckpointCheckHook
from .checkpoint_hook import CheckpointHook
from .epoch_seed_hook import EpochSeedHook
from .identity_table_hook import IdentityTableHook
from .initial_evaluation_hook import InitialEvaluationHook
from .late_runtime_info_hook import LateRuntimeInfoHook
from .loss_guard_hook import LossGuardHook
from .relabel_hook import RelabelHook
from .resumed_evaluation_hook import ResumedEvaluationHook
from .sync_statistics_hook import SyncStatisticsHook

__all__ = [
    'CheckpointCheckHook',
    'CheckpointHook',
    'EpochSeedHook',
    'IdentityTableHook',
    'InitialEvaluationHook',
    'LateRuntimeInfoHook',
    'LossGuardHook',
    'RelabelHook',
    'ResumedEvaluationHook',
    'SyncStatisticsHook',
]
