import random
from types import SimpleNamespace

import numpy as np
import torch

from dynamix.engine import EpochSeedHook


class Sampler:
    def set_epoch(self, epoch):
        self.epoch = epoch


def draws(seed, epoch):
    sampler = Sampler()
    runner = SimpleNamespace(
        seed=seed,
        epoch=epoch,
        train_loop=SimpleNamespace(dataloader=SimpleNamespace(sampler=sampler)),
    )
    EpochSeedHook().before_train_epoch(runner)
    assert sampler.epoch == epoch
    numpys = np.random.rand()  # noqa: NPY002
    return random.random(), numpys, torch.rand(1).item()


def test_draws_depend_on_seed_and_epoch_alone():
    first = draws(0, 3)
    torch.rand(100)
    assert draws(0, 3) == first
    assert not set(draws(0, 4)) & set(first)
    assert not set(draws(1, 3)) & set(first)
