"""Times of the parts of a training step, for gpu_training.py."""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import Runner

#: Hooks read losses and weights every so many iterations.
LOGGED = 50
Rows = list[tuple[str, str]]


def now() -> float:
    """Seconds, when the device has done its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class StepParts:
    """Parts of a training step on one batch, each callable again and again.

    Args:
        runner (Runner): After its training.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner, self.model = runner, runner.model
        self.batch = next(iter(runner.train_dataloader))
        data = self.preprocess()
        self.views = [
            view.contiguous(memory_format=self.model._memory_format)
            for view in data['inputs']
        ]
        self.samples = data['data_samples']
        self.model.train()
        with torch.no_grad(), runner.optim_wrapper.optim_context(self.model):
            self.keys = self.model.momentum_encoder(self.views[1])
        self.features = self.keys.detach().clone().requires_grad_()

    def whole(self) -> None:
        """A step with all its hooks."""
        self.runner.train_loop.run_iter(0, self.batch)

    def preprocess(self) -> Any:
        return self.model.data_preprocessor(self.batch, True)

    def encoders(self) -> None:
        """The encoder both ways and the momentum encoder forward."""
        with self.runner.optim_wrapper.optim_context(self.model):
            features = self.model.encoder(self.views[0])
            with torch.no_grad():
                self.model.momentum_encoder(self.views[1])
        features.float().square().mean().backward()

    def head(self) -> None:
        with self.runner.optim_wrapper.optim_context(self.model):
            losses = self.model.head.loss(self.features, self.keys, self.samples)
        sum(losses.values()).backward()

    def updates(self) -> None:
        self.model.momentum_encoder.update_parameters(self.model.encoder)
        self.runner.optim_wrapper.step()

    def report(self, rounds: int, block: int) -> Rows:
        """Times of the parts; ratios are taken within a round."""
        work: dict[str, Callable[[], object]] = {
            'step on a batch at hand, with hooks': self.whole,
            'encoder both ways and momentum forward': self.encoders,
            'copy and normalization of a batch': self.preprocess,
            'losses both ways, memory update': self.head,
            'momentum update and optimizer': self.updates,
        }
        spent: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(rounds):
            for name, function in work.items():
                function()
                begin = now()
                for _ in range(block):
                    function()
                spent[name].append((now() - begin) / block)
        whole, bare, *_ = spent.values()
        ratios = [a / b for a, b in zip(whole, bare)]
        return [
            *((k, f'{1e3 * statistics.median(v):.2f} ms') for k, v in spent.items()),
            (
                'step / (encoder both ways and momentum forward)',
                f'{statistics.median(ratios):.3f} ({min(ratios):.3f} to '
                f'{max(ratios):.3f}; goal 1.15)',
            ),
        ]

    def check_synchronization(self, steps: int = 10) -> Rows:
        """Runs steps in which any synchronization of the device raises an error."""
        name = f'{steps} steps under set_sync_debug_mode("error")'
        if not torch.cuda.is_available():
            return [(name, 'needs a GPU')]
        while self.runner.train_loop.iter % LOGGED:
            self.whole()
        torch.cuda.set_sync_debug_mode('error')
        try:
            for _ in range(steps):
                self.whole()
        except RuntimeError as error:
            frames = traceback.extract_tb(error.__traceback__)[-6:]
            where = ' > '.join(f'{Path(f.filename).name}:{f.lineno}' for f in frames)
            return [(name, f'{str(error).splitlines()[0]} ({where})')]
        finally:
            torch.cuda.set_sync_debug_mode('default')
        return [(name, 'passed: a step never waits for the device')]
