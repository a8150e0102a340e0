from __future__ import annotations

import numpy as np
from mmengine.dist import get_rank
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner, set_random_seed

from dynamix.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(DistSamplerSeedHook):
    """Seeds sampler and random generators at the start of each epoch.

    What layers draw (dropout, drop path) depends on the run's seed, the epoch and the
    rank only, so a resumed run draws what the unbroken one would have drawn. Replaces
    MMEngine's ``DistSamplerSeedHook`` under ``default_hooks.sampler_seed``.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seeds ``random``, NumPy and torch from (seed, epoch, rank)."""
        super().before_train_epoch(runner)
        words = np.random.SeedSequence((runner.seed, runner.epoch, get_rank()))
        set_random_seed(int(words.generate_state(1)[0]))
