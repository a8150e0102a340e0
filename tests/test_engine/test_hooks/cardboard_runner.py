"""A runner of cardboard for the relabeling hook, and what happens in its epochs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from mmengine.hooks import CheckpointHook

from dynamix.datasets.samplers import Composition
from dynamix.engine import RelabelHook
from dynamix.structures import IdentityTable
from tests.test_relabeling.conftest import make_videos

MULTI = 4


class Head:
    """Remembers what it was told."""

    in_channels = 48
    last_batch = None

    def __init__(self):
        self.moves = []

    def follow_relabeling(self, before, after, bank, rows=None):
        self.moves.append((before.copy(), after.copy(), bank, rows))


def make(tmp_path, scene=None, checkpoint=None, **options):
    """Two multi-camera people, then the scene; a hook that is ready to run."""
    scene = scene or make_videos()
    identity = np.concatenate([[0, 0, 1, 1], scene.tracklet + 2])
    nobody = np.full(MULTI, -1)
    dataset = SimpleNamespace(
        identity_table=IdentityTable(identity, MULTI, 2),
        video=np.concatenate([nobody, scene.video]),
        frame=np.concatenate([nobody, scene.frame]),
        truth=np.concatenate([nobody, scene.person]),
    )
    scalars = {}
    runner = SimpleNamespace(
        _train_loop=SimpleNamespace(
            dataloader=SimpleNamespace(
                dataset=dataset,
                sampler=SimpleNamespace(
                    composition=Composition(None, dict(videos=2, identities=2))
                ),
            )
        ),
        model=SimpleNamespace(head=Head()),
        hooks=[CheckpointHook(**checkpoint)] if checkpoint else [],
        visualizer=SimpleNamespace(add_scalars=lambda d, step: scalars.update(d)),
        scalars=scalars,
        work_dir=str(tmp_path),
        max_epochs=8,
        iter=0,
        epoch=0,
        _resume=False,
        _load_from=None,
        scene=scene,
        table=dataset.identity_table,
    )
    hook = RelabelHook(**options)
    hook.before_run(runner)
    return hook, runner


def visit(hook, runner, rows, embeddings):
    rows = np.concatenate([[0, -1], np.asarray(rows) + MULTI])
    embeddings = np.concatenate([np.ones((2, 48)), embeddings])
    runner.model.head.last_batch = torch.from_numpy(rows), torch.from_numpy(embeddings)
    hook.after_train_iter(runner, 0)
    runner.iter += 1


def visit_all(hook, runner):
    embeddings = runner.scene.embedding.astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    visit(hook, runner, np.arange(len(embeddings)), embeddings)


def end_epoch(hook, runner):
    hook.after_train_epoch(runner)
    runner.epoch += 1


def checkpoint_of(hook, runner, **extra):
    checkpoint = dict(optimizer={}, **extra)
    hook.before_save_checkpoint(runner, checkpoint)
    return checkpoint
