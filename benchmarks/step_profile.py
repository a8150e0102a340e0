"""Where the time of a training step goes.

Trains a row of the ablation by its Runner, with timers put around the parts from
outside. Rounds of three epochs: one on one and the same batch, without a loader, in
turn with bare steps on it (encoder forward and backward, momentum encoder forward); one
as it is; one with timers (on a GPU each waits for the device, so only shares are read
from it). Medians over pairs of steps and over rounds.

    OMP_NUM_THREADS=1 python benchmarks/step_profile.py
    python benchmarks/step_profile.py --iterations 100 --workers 8
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from dynamix.engine.launch import set_loader_defaults, share_out_batch

CONFIG = Path(__file__).parent / 'ablation' / 'configs' / 'raw.py'
DATA, BATCH = 'waiting for data', 'preprocessor (device, normalisation)'
FORWARD, BACKWARD = 'encoder forward', 'encoder backward'
MOMENTUM, AVERAGE = 'momentum encoder forward', 'momentum encoder update'
LOSSES, LOSSES_BACK = 'losses forward', 'losses backward'
MEMORY, BANK, HOOKS = 'memory update', 'bank write', 'other hooks'
OPTIMIZER, REST, RELABEL = 'optimizer', 'everything else', 'relabeling'
PARTS = [DATA, BATCH, FORWARD, BACKWARD, MOMENTUM, AVERAGE, LOSSES, LOSSES_BACK]
PARTS += [MEMORY, BANK, HOOKS, OPTIMIZER, REST, RELABEL]
OURS = [LOSSES, LOSSES_BACK, MEMORY, BANK, HOOKS]


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Timers:
    """Time of named parts; that of a part within another counts for the inner one."""

    def __init__(self) -> None:
        self.on = False
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    def switch(self, change: Callable[[list[str]], Any]) -> None:
        """Books the time until now, then changes what is open."""
        moment = now()
        if self._open:
            self.seconds[self._open[-1]] += moment - self._since
        change(self._open)
        self._since = now()

    def around(self, owner: Any, method: str, name: str) -> None:
        """Puts a timer around a method of an object."""
        inner = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if not self.on:
                return inner(*args, **kwargs)
            self.switch(lambda parts: parts.append(name))
            try:
                return inner(*args, **kwargs)
            finally:
                self.switch(lambda parts: parts.pop())

        setattr(owner, method, timed)

    def replace(self, before: str, after: str) -> None:
        """Goes on under another name, if ``before`` is open."""
        if self.on and self._open and self._open[-1] == before:
            self.switch(lambda parts: parts.__setitem__(-1, after))


class TimedLoader:
    """A data loader that times the wait for a batch, or repeats the last one."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.waited = 0.0
        self.batch: dict = {}
        self.repeats = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict]:
        if self.repeats:
            yield from [self.batch] * len(self.loader)
            return
        batches = iter(self.loader)
        while True:
            begin = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - begin
            if batch is None:
                return
            self.batch = batch
            yield batch


class Rounds(Hook):
    """Says what each epoch is for, measures it, and runs the bare steps."""

    priority = 'VERY_HIGH'

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.pairs: list[tuple[float, float]] = []
        self.with_loader: list[float] = []
        self.shares: list[dict[str, float]] = []
        self._begin = 0.0

    def before_run(self, runner: Runner) -> None:
        loop = runner.train_loop
        loop.dataloader = TimedLoader(loop.dataloader)
        put_timers(runner, self.timers)

    def before_train_epoch(self, runner: Runner) -> None:
        self.after_train(runner)
        # The first epoch warms up: nothing of it is kept.
        loader = runner.train_loop.dataloader
        loader.repeats = runner.epoch % 3 == 1
        self.timers.on = runner.epoch > 0 and runner.epoch % 3 == 0
        self.timers.seconds.clear()
        loader.waited = 0.0
        self._begin = now()

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """From here to here the next time is a whole step; a bare one follows it."""
        if runner.train_loop.dataloader.repeats:
            whole = now() - self._begin
            bare = self._bare_step(runner)
            if runner.iter % len(runner.train_loop.dataloader):
                self.pairs.append((whole, bare))
            self._begin = now()

    def after_train_epoch(self, runner: Runner) -> None:
        loader = runner.train_loop.dataloader
        steps = len(loader)
        step = (now() - self._begin) / steps
        if self.timers.on:
            found = {name: spent / steps for name, spent in self.timers.seconds.items()}
            self.timers.seconds.clear()
            found[DATA] = loader.waited / steps
            found[REST] = step - sum(found.values())
            self.shares.append(found)
        elif runner.epoch > 0 and not loader.repeats:
            self.with_loader.append(step)

    def after_train(self, runner: Runner) -> None:
        """Adds the relabeling, which came after the end of the epoch was measured."""
        if self.timers.on:
            self.shares[-1][RELABEL] = self.timers.seconds[RELABEL]

    def _bare_step(self, runner: Runner) -> float:
        model = runner.model
        batch = runner.train_loop.dataloader.batch
        augmented, plain = (
            view.contiguous(memory_format=model._memory_format)
            for view in model.data_preprocessor(batch, True)['inputs']
        )
        begin = now()
        with runner.optim_wrapper.optim_context(model):
            features = model.encoder(augmented)
            with torch.no_grad():
                model.momentum_encoder(plain)
        features.float().square().mean().backward()
        taken = now() - begin
        runner.optim_wrapper.zero_grad()
        return taken


def put_timers(runner: Runner, timers: Timers) -> None:
    """Around everything that has a name in the table."""
    model, head = runner.model, runner.model.head
    timers.around(model.data_preprocessor, 'forward', BATCH)
    timers.around(model.encoder, 'forward', FORWARD)
    timers.around(model.momentum_encoder, 'forward', MOMENTUM)
    timers.around(model.momentum_encoder, 'update_parameters', AVERAGE)
    timers.around(head, 'loss', LOSSES)
    for memory in (head.memory, head.camera_memory):
        timers.around(memory, 'initialize', MEMORY)
        timers.around(memory, 'update', MEMORY)
    timers.around(runner.optim_wrapper, 'backward', LOSSES_BACK)
    for method in ('step', 'zero_grad'):
        timers.around(runner.optim_wrapper, method, OPTIMIZER)
    for hook in runner.hooks:
        is_relabeling = type(hook).__name__ == 'RelabelHook'
        if not isinstance(hook, Rounds):
            name = BANK if is_relabeling else HOOKS
            timers.around(hook, 'before_train_iter', HOOKS)
            timers.around(hook, 'after_train_iter', name)
        if is_relabeling:
            timers.around(hook, 'after_train_epoch', RELABEL)

    def features_are_reached(module: Any, inputs: Any, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: timers.replace(LOSSES_BACK, BACKWARD))

    model.encoder.register_forward_hook(features_are_reached)


def make_cfg(args: argparse.Namespace, work_dir: str) -> Config:
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(
        {
            'model.backbone.init_cfg': None,
            'train_dataloader.num_workers': args.workers,
            'train_dataloader.sampler.iterations': args.iterations,
            'default_hooks.checkpoint': None,
            'custom_hooks': [dict(type='RelabelHook')],
        }
    )
    cfg.train_cfg = dict(by_epoch=True, max_epochs=1 + 3 * args.rounds)
    for field in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{field}'] = cfg[f'test_{field}'] = None
    cfg.work_dir, cfg.launcher, cfg.log_level = work_dir, 'none', 'ERROR'
    set_loader_defaults(cfg)
    share_out_batch(cfg, 1)
    return cfg


def report(rounds: Rounds, runner: Runner, args: argparse.Namespace) -> None:
    gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if gpu else 'CPU'
    cfg = runner.cfg
    print(f'\n## {device}\n')
    print(
        f'{cfg.train_dataloader.batch_size} images of '
        f'{"x".join(map(str, cfg.image_size))} a step, {args.workers} loader workers, '
        f'{torch.get_num_threads()} threads, {cfg.optim_wrapper.type}, '
        f'torch {torch.__version__}; {args.rounds} rounds of {args.iterations} steps. '
        f'Relabeling of {runner.train_dataloader.dataset.video.size} images after each '
        f'{args.iterations} steps.\n'
    )
    part = {
        name: statistics.median(found.get(name, 0.0) for found in rounds.shares)
        for name in PARTS
    }
    step = sum(part.values()) - part[RELABEL]
    print('| part | ms a step | share |\n|---|---|---|')
    for name in PARTS:
        if name == RELABEL:
            print(f'| {name}, each time | {1e3 * part[name]:.1f} | |')
        else:
            print(f'| {name} | {1e3 * part[name]:.2f} | {part[name] / step:.1%} |')
    work = step - part[DATA]
    ours = sum(part[name] for name in OURS)
    ratios = sorted(whole / bare for whole, bare in rounds.pairs)
    whole, bare = (statistics.median(values) for values in zip(*rounds.pairs))
    print(
        f'\nHooks and heads (losses both ways, memory, bank, hooks): {ours / work:.1%} '
        f'of the step without the wait for data (mark: 5 %).\n\n'
        f'Step on a batch at hand, without timers: {1e3 * whole:.1f} ms (with the '
        f'loader {1e3 * statistics.median(rounds.with_loader):.1f} ms); encoder '
        f'forward and backward and momentum forward alone: {1e3 * bare:.1f} ms; ratio '
        f'{statistics.median(ratios):.2f}, quartiles '
        f'{ratios[len(ratios) // 4]:.2f} and {ratios[3 * len(ratios) // 4]:.2f} '
        f'(mark on a GPU: 1.15).'
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--iterations', type=int, default=10, help='steps an epoch')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--workers', type=int, default=1)
    args = parser.parse_args()
    rounds = Rounds(Timers())
    with tempfile.TemporaryDirectory() as work_dir:
        runner = Runner.from_cfg(make_cfg(args, work_dir))
        runner.register_hook(rounds, 'VERY_HIGH')
        runner.train()
        report(rounds, runner, args)


if __name__ == '__main__':
    main()
