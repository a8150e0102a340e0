"""Trains a recipe on drawn people and measures its steps and windows.

    python benchmarks/gpu_training.py r50
    torchrun --standalone --nproc_per_node 2 benchmarks/gpu_training.py r50 \\
        --launcher pytorch

The recipe is ``configs/dynamix_<name>.py`` from random weights, with data of the size
of MSMT17 and LUPerson-NL in identities, tracklets and videos. An epoch is timed as it
runs. Then single parts are timed on one batch, in turn with whole steps, and steps run
while PyTorch forbids synchronization.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.datasets import SyntheticPedestrians
from dynamix.engine.hooks import RelabelHook
from dynamix.engine.launch import (
    launched_rank,
    run_among_ranks,
    set_loader_defaults,
    share_out_batch,
)
from dynamix.registry import DATASETS

CONFIGS = Path(__file__).parents[1] / 'configs'
EPOCHS = 2
#: Steps at the start of an epoch that are not timed: the loader is filling up.
UNTIMED = 5
#: Hooks read losses and weights every so many iterations.
LOGGED = 50
SIZES: dict[str, dict[str, Any]] = dict(
    full=dict(
        iterations=100,
        window=250,
        videos=21_700,
        people=10,
        identities=4_101,
        workers=8,
        rounds=5,
        block=10,
        options={},
    ),
    rehearsal=dict(
        iterations=UNTIMED + 2,
        window=3,
        videos=6,
        people=3,
        identities=8,
        workers=0,
        rounds=1,
        block=1,
        options={
            # bfloat16 is slow on CPUs
            'optim_wrapper.type': 'OptimWrapper',
            'train_dataloader.sampler.multi_camera': dict(identities=2, images=2),
            'train_dataloader.sampler.single_camera.videos': 2,
            'train_dataloader.sampler.single_camera.images': 2,
        },
    ),
)
SMALL_MODELS = {
    'r50': {
        'model.backbone.depth': 18,
        'model.backbone.stem_channels': 8,
        'model.backbone.base_channels': 8,
        'model.neck.in_channels': 64,
        'model.head.in_channels': 64,
    },
    'vit-b': {
        'model.backbone.img_size': (64, 32),
        'model.backbone.arch': dict(
            _delete_=True,
            embed_dims=32,
            num_layers=2,
            num_heads=2,
            feedforward_channels=64,
        ),
        'model.neck.in_channels': 32,
        'model.head.in_channels': 32,
    },
}
Rows = list[tuple[str, str]]


@DATASETS.register_module()
class RepeatedPedestrians(SyntheticPedestrians):
    """Drawn people whose rows share a few images, kept in memory as JPEG files.

    Loading costs what it costs with files of a disk that is fast enough.
    """

    files: tuple[np.ndarray, ...] = ()

    def full_init(self) -> None:
        """Draws the images."""
        if self._fully_initialized:
            return
        super().full_init()
        if not self.files:
            rows = np.linspace(0, len(self.table) - 1, 128).astype(int).tolist()
            drawn = [super(RepeatedPedestrians, self).get_data_info(r) for r in rows]
            self.files = tuple(cv2.imencode('.jpg', info['img'])[1] for info in drawn)

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Decodes an image."""
        self.full_init()
        image = cv2.imdecode(self.files[index % len(self.files)], cv2.IMREAD_COLOR)
        return dict(image_index=index, img_path=f'{self.name}/{index}', img=image)


def make_cfg(name: str, rehearsal: bool, launcher: str, work_dir: str) -> Config:
    """The recipe ``dynamix_<name>`` on drawn data."""
    size = SIZES['rehearsal' if rehearsal else 'full']
    cfg = Config.fromfile(CONFIGS / f'dynamix_{name}.py')
    dataset = cfg.train_dataloader.dataset
    dataset.multi_camera = [
        dict(
            type='RepeatedPedestrians',
            num_identities=size['identities'],
            images_per_camera=8,
        )
    ]
    dataset.single_camera = [
        dict(
            type='RepeatedPedestrians',
            split='videos',
            num_videos=size['videos'],
            people_per_video=(size['people'], size['people']),
            fragments=2,
            images_per_tracklet=4,
        )
    ]
    cfg.train_dataloader.sampler.iterations = size['iterations']
    cfg.train_dataloader.sampler.single_camera.window = size['window']
    cfg.train_dataloader.num_workers = size['workers']
    test_pipeline = cfg.test_dataloader.dataset.pipeline
    if rehearsal:
        height, width = 64, 32
        dataset.pipeline[1].scale = test_pipeline[1].scale = (width, height)
        dataset.pipeline[2].transforms[0][1].crop_size = (height, width)
    for part in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None
    cfg.custom_hooks = [
        dict(type='RelabelHook', pipeline=test_pipeline, num_workers=size['workers'])
    ]
    cfg.train_cfg = dict(by_epoch=True, max_epochs=EPOCHS)
    cfg.default_hooks.checkpoint = None
    cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.model.backbone.init_cfg = None
    cfg.merge_from_dict(size['options'])
    if rehearsal:
        cfg.merge_from_dict(deepcopy(SMALL_MODELS[name]))
    cfg.work_dir, cfg.launcher = work_dir, launcher
    cfg.experiment_name = f'gpu-{name}-{time.time_ns()}'
    set_loader_defaults(cfg)
    share_out_batch(cfg, launched_rank(launcher)[1])
    return cfg


def now() -> float:
    """Seconds, when the device has done its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Clock(Hook):
    """Times the windows and the steps of each epoch; the last one counts."""

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Puts timers around the methods that embed and repair a window."""
        hook = next(hook for hook in runner.hooks if isinstance(hook, RelabelHook))
        self.seconds: dict[str, float] = {}
        self.embedded = 0
        self._time(hook, 'before_train_epoch')
        self._time(hook.embedder, 'embed')

    def _time(self, owner: Any, method: str) -> None:
        inner = getattr(owner, method)

        def timed(*args: Any) -> Any:
            begin = now()
            result = inner(*args)
            self.seconds[method] = now() - begin
            if method == 'embed':
                self.embedded = len(args[1])
            return result

        setattr(owner, method, timed)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Starts to time."""
        if batch_idx == UNTIMED:
            self._begin = now()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Ends to time."""
        steps = batch_idx - UNTIMED
        if batch_idx + 1 == len(runner.train_dataloader):
            # the wait for the batch of the step at which the time begins is not in it
            self.step = (now() - self._begin) / (steps + 1)
            waits, _ = runner.message_hub.get_scalar('train/data_time').data
            self.first_wait = float(waits[-1 - batch_idx])
            self.wait = float(np.sum(waits[-steps:])) / (steps + 1) if steps else 0.0


def report_epoch(runner: Runner, clock: Clock) -> Rows:
    """What the clock found in the last epoch."""
    batch = runner.train_dataloader.sampler.global_batch_size
    window, embed = clock.seconds['before_train_epoch'], clock.seconds['embed']
    steps = len(runner.train_dataloader)
    table = runner.train_dataloader.dataset.identity_table
    rows = [
        (
            'data',
            f'{len(table):,} images, {table.num_identities:,} identities; batches of '
            f'{batch}, {runner.train_dataloader.num_workers} loader workers a rank',
        ),
        ('images/s with the loader', f'{batch / clock.step:,.0f}'),
        ('step with the loader', f'{1e3 * clock.step:.2f} ms'),
        ('host waits for the loader', f'{1e3 * clock.wait:.2f} ms a step'),
        ('wait for the first batch of an epoch', f'{clock.first_wait:.2f} s'),
        (
            'a window',
            f'{window:.2f} s for {clock.embedded:,} images: {embed:.2f} s to embed, '
            f'{window - embed:.2f} s for labels and centroids; '
            f'as long as {window / clock.step:.0f} steps (an epoch has {steps})',
        ),
    ]
    if torch.cuda.is_available():
        held = torch.cuda.max_memory_allocated() / 2**30
        reserved = torch.cuda.max_memory_reserved() / 2**30
        rows.append(
            ('peak GPU memory', f'{held:.1f} GiB in use, {reserved:.1f} reserved')
        )
    return rows


class Parts:
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
        loop = self.runner.train_loop
        while loop.iter % LOGGED:
            self.whole()
        name = f'{steps} steps under set_sync_debug_mode("error")'
        if not torch.cuda.is_available():
            self.whole()
            return [(name, 'needs a GPU')]
        torch.cuda.set_sync_debug_mode('error')
        try:
            for _ in range(steps):
                self.whole()
        except RuntimeError as error:
            frames, trace = [], error.__traceback__
            while trace is not None:
                code = trace.tb_frame.f_code
                frames.append(f'{Path(code.co_filename).name}:{trace.tb_lineno}')
                trace = trace.tb_next
            text = str(error).splitlines()[0]
            return [(name, f'{text} ({" > ".join(frames[-6:])})')]
        finally:
            torch.cuda.set_sync_debug_mode('default')
        return [(name, 'passed: a step never waits for the device')]


def measure(runner: Runner, rehearsal: bool, rows: Rows) -> None:
    """Trains and measures; appends to ``rows``."""
    clock = Clock()
    runner.register_hook(clock)
    runner.train()
    rows += report_epoch(runner, clock)
    if not runner.distributed:
        size = SIZES['rehearsal' if rehearsal else 'full']
        parts = Parts(runner)
        rows += parts.report(size['rounds'], size['block'])
        rows += parts.check_synchronization()


def train(name: str, rehearsal: bool, launcher: str = 'none') -> Rows:
    """Rows of the table for a recipe."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as work_dir:
        cfg = make_cfg(name, rehearsal, launcher, work_dir)
        run_among_ranks(cfg, partial(measure, rehearsal=rehearsal, rows=rows))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('name', choices=SMALL_MODELS)
    parser.add_argument('--rehearsal', action='store_true', help='small, also on a CPU')
    parser.add_argument('--launcher', choices=['none', 'pytorch'], default='none')
    parser.add_argument('--json', type=Path, help='file for the rows')
    args = parser.parse_args()
    rank, _ = launched_rank(args.launcher)
    rows = train(args.name, args.rehearsal, args.launcher)
    if rank == 0:
        print(*map(': '.join, rows), sep='\n')
        if args.json:
            args.json.write_text(json.dumps(rows))


if __name__ == '__main__':
    main()
