"""A small mixed data set on disk, and a config that trains on it in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from dynamix.engine.launch import set_loader_defaults, share_out_batch

SIZE = (32, 16)
RELABEL = [dict(type='RelabelHook', start=2, images_per_tracklet=3, num_workers=0)]


def draw(person: int, variant: int) -> np.ndarray:
    """Two coloured blocks that tell the person, with noise that tells the image."""
    colors = np.random.default_rng(person).integers(0, 256, (2, 3))
    image = np.repeat(np.repeat(colors[:, None], 16, 0), 16, 1).astype(float)
    noise = np.random.default_rng((person, variant)).normal(0, 25, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def make_crops(root: Path) -> None:
    """Six labelled people under two cameras, and three videos of four people.

    Each person of a video has two tracklets of four images.
    """
    for part, people in (
        ('train', range(6)),
        ('query', (50, 51)),
        ('gallery', (50, 51)),
    ):
        for person in people:
            for camera in (1, 2):
                for number in range(3):
                    file = root / 'labelled' / part / f'p{person}'
                    file.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(
                        str(file / f'c{camera}_{number}.png'),
                        draw(person, 10 * camera + number),
                    )
    for video in range(3):
        for tracklet in range(8):
            folder = root / 'videos' / f'v{video}' / f't{tracklet}'
            folder.mkdir(parents=True)
            for frame in range(4):
                person = 100 + 10 * video + tracklet // 2
                cv2.imwrite(
                    str(folder / f'{frame}.png'), draw(person, 4 * tracklet + frame)
                )


def toy_cfg(root: Path, work_dir: Path, name: str, **options: Any) -> Config:
    """A tiny ResNet that normalises per sample; four epochs of four iterations."""
    test_pipeline = [
        dict(type='LoadReIDImage'),
        dict(type='Resize', scale=SIZE[::-1]),
        dict(type='PackReIDInputs'),
    ]
    train_pipeline = [
        *test_pipeline[:2],
        dict(
            type='mmpretrain.MultiView',
            num_views=[1, 1],
            transforms=[
                [
                    dict(type='RandomFlip', prob=0.5),
                    dict(type='RandomColorJitter', brightness=0.3),
                    dict(type='mmpretrain.RandomErasing', erase_prob=0.5),
                ],
                [],
            ],
        ),
        test_pipeline[2],
    ]
    test_dataloader = dict(
        batch_size=8,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='TargetDataset',
            targets=[
                dict(
                    type='LabelledFolder',
                    name='strangers',
                    data_root=str(root / 'labelled'),
                    split='test',
                    cache_dir=str(root / 'cache'),
                )
            ],
            pipeline=test_pipeline,
        ),
    )
    cfg = Config(
        dict(
            default_scope='dynamix',
            model=dict(
                type='DynaMix',
                data_preprocessor=dict(
                    type='ReIDDataPreprocessor',
                    mean=[127.5] * 3,
                    std=[64.0] * 3,
                ),
                backbone=dict(
                    type='mmpretrain.ResNet',
                    depth=18,
                    stem_channels=8,
                    base_channels=8,
                    norm_cfg=dict(type='GN', num_groups=4),
                ),
                neck=dict(
                    type='BNNeck',
                    in_channels=64,
                    norm_cfg=dict(type='LN'),
                    pooling=dict(type='mmpretrain.GeneralizedMeanPooling'),
                ),
                momentum_encoder=dict(momentum=0.1),
                head=dict(type='CentroidMemoryHead', in_channels=64),
            ),
            train_dataloader=dict(
                num_workers=0,
                sampler=dict(
                    type='MixedDataSampler',
                    multi_camera=dict(identities=4, images=2),
                    single_camera=dict(videos=2, identities=2, images=2, window=2),
                    iterations=4,
                ),
                dataset=dict(
                    type='MixedDataset',
                    multi_camera=[
                        dict(
                            type='LabelledFolder',
                            data_root=str(root / 'labelled'),
                            cache_dir=str(root / 'cache'),
                        )
                    ],
                    single_camera=[
                        dict(
                            type='TrackletFolder',
                            data_root=str(root / 'videos'),
                            cache_dir=str(root / 'cache'),
                        )
                    ],
                    pipeline=train_pipeline,
                ),
            ),
            val_dataloader=test_dataloader,
            val_evaluator=dict(type='ReIDMetric', topk=(1,)),
            test_dataloader=test_dataloader,
            test_evaluator=dict(type='ReIDMetric', topk=(1,)),
            train_cfg=dict(by_epoch=True, max_epochs=4, val_interval=4),
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(
                type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)
            ),
            param_scheduler=dict(
                type='CosineAnnealingLR',
                T_max=4,
                by_epoch=True,
                convert_to_iter_based=True,
            ),
            default_hooks=dict(
                runtime_info=dict(type='LateRuntimeInfoHook'),
                sampler_seed=dict(type='EpochSeedHook'),
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=dict(type='CheckpointHook', interval=1),
                identity_table=dict(type='IdentityTableHook'),
                checkpoint_check=dict(type='CheckpointCheckHook'),
                loss_guard=dict(type='LossGuardHook'),
                sync_statistics=dict(type='SyncStatisticsHook'),
            ),
            custom_hooks=RELABEL,
            auto_scale_lr=dict(base_batch_size=16),
            randomness=dict(seed=3),
            work_dir=str(work_dir),
            experiment_name=name,
            launcher='none',
        )
    )
    cfg.merge_from_dict(options)
    set_loader_defaults(cfg)
    share_out_batch(cfg, 1)
    return cfg


def train(cfg: Config) -> Runner:
    """Trains to the end of the config."""
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner
