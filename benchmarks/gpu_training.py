"""Trains a recipe on drawn people and measures its steps and windows.

    python benchmarks/gpu_training.py r50
    torchrun --standalone --nproc_per_node 2 benchmarks/gpu_training.py r50 \\
        --launcher pytorch

The recipe is ``configs/dynamix_<name>.py`` from random weights, with data of the size
of MSMT17 and LUPerson-NL in identities, tracklets and videos. An epoch is timed as it
runs. Then single parts are timed on one batch, in turn with whole steps, and steps run
while PyTorch forbids synchronization. ``r18_synthetic`` is a rehearsal: the demo's
network on few data, also on a CPU.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from step_parts import Rows, StepParts, now

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
#: Loader workers a rank, the data, and batches, window and epoch.
FULL: dict[str, Any] = dict(
    workers=8,
    videos=21_700,
    identities=4_101,
    sampler=dict(iterations=100, single_camera=dict(window=250)),
)
REHEARSAL: dict[str, Any] = dict(
    workers=0,
    videos=6,
    identities=8,
    sampler=dict(
        iterations=7,
        multi_camera=dict(identities=2, images=2),
        single_camera=dict(window=3, videos=2, identities=2, images=2),
    ),
)
NAMES = ('r50', 'vit-b', 'r18_synthetic')


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


def make_cfg(name: str, launcher: str, work_dir: str) -> Config:
    """The recipe ``dynamix_<name>`` on drawn data."""
    size = REHEARSAL if name == 'r18_synthetic' else FULL
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
            people_per_video=(10, 10),
            fragments=2,
            images_per_tracklet=4,
        )
    ]
    loader = dict(num_workers=size['workers'], sampler=size['sampler'])
    cfg.merge_from_dict(dict(train_dataloader=loader))
    cfg.custom_hooks = [
        dict(
            type='RelabelHook',
            pipeline=cfg.test_dataloader.dataset.pipeline,
            num_workers=size['workers'],
        )
    ]
    for part in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None
    cfg.train_cfg = dict(by_epoch=True, max_epochs=EPOCHS)
    cfg.default_hooks.checkpoint = None
    cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.model.backbone.init_cfg = None
    cfg.work_dir, cfg.launcher = work_dir, launcher
    cfg.experiment_name = f'gpu-{name}-{time.time_ns()}'
    set_loader_defaults(cfg)
    share_out_batch(cfg, launched_rank(launcher)[1])
    return cfg


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


def measure(runner: Runner, rows: Rows) -> None:
    """Trains and measures; appends to ``rows``."""
    clock = Clock()
    runner.register_hook(clock)
    runner.train()
    rows += report_epoch(runner, clock)
    if not runner.distributed:
        parts = StepParts(runner)
        rows += parts.report(*(5, 10) if torch.cuda.is_available() else (1, 1))
        rows += parts.check_synchronization()


def train(name: str, launcher: str = 'none') -> Rows:
    """Rows of the table for a recipe."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as work_dir:
        cfg = make_cfg(name, launcher, work_dir)
        run_among_ranks(cfg, partial(measure, rows=rows))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('name', choices=NAMES)
    parser.add_argument('--launcher', choices=['none', 'pytorch'], default='none')
    parser.add_argument('--json', type=Path, help='file for the rows')
    args = parser.parse_args()
    rank, _ = launched_rank(args.launcher)
    rows = train(args.name, args.launcher)
    if rank == 0:
        print(*map(': '.join, rows), sep='\n')
        if args.json:
            args.json.write_text(json.dumps(rows))


if __name__ == '__main__':
    main()
