from .checkpoint_check_hook import CheckpointCheckHook
from .epoch_seed_hook import EpochSeedHook
from .identity_table_hook import IdentityTableHook
from .loss_guard_hook import LossGuardHook
from .relabel_hook import RelabelHook

__all__ = [
    'CheckpointCheckHook',
    'EpochSeedHook',
    'IdentityTableHook',
    'LossGuardHook',
    'RelabelHook',
]
