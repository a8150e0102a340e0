import pytest
import torch
from mmengine.config import Config

from dynamix.engine import launch


def loader(**kwargs):
    return dict(
        sampler=dict(
            type='MixedDataSampler',
            multi_camera=dict(identities=8, images=4),
            single_camera=dict(videos=8, identities=2, images=4),
        ),
        dataset=dict(type='MixedDataset'),
        **kwargs,
    )


@pytest.mark.parametrize(
    ('launcher', 'environment', 'expected'),
    [
        ('none', {}, 1),
        ('pytorch', dict(WORLD_SIZE='4'), 4),
        ('slurm', dict(SLURM_NTASKS='16'), 16),
    ],
)
def test_world_size(monkeypatch, launcher, environment, expected):
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert launch.world_size_of(launcher) == expected


def test_launcher_without_its_variable_is_named(monkeypatch):
    monkeypatch.delenv('SLURM_NTASKS', raising=False)
    with pytest.raises(RuntimeError, match='SLURM_NTASKS'):
        launch.world_size_of('slurm')


@pytest.mark.parametrize(('world_size', 'expected'), [(1, 96), (8, 12)])
def test_global_batch_is_shared_out(world_size, expected):
    cfg = Config(dict(train_dataloader=loader()))
    launch.share_out_batch(cfg, world_size)
    assert cfg.train_dataloader.batch_size == expected


def test_one_part_alone():
    cfg = Config(dict(train_dataloader=loader()))
    cfg.train_dataloader.sampler.single_camera = None
    launch.share_out_batch(cfg, 1)
    assert cfg.train_dataloader.batch_size == 32


def test_loader_defaults_leave_what_is_said():
    cfg = Config(
        dict(
            train_dataloader=loader(num_workers=2, collate_fn=dict(type='mine')),
            val_dataloader=loader(num_workers=0),
        )
    )
    launch.set_loader_defaults(cfg)
    assert cfg.train_dataloader.collate_fn.type == 'mine'
    assert cfg.train_dataloader.persistent_workers is True
    assert cfg.train_dataloader.pin_memory == torch.cuda.is_available()
    assert cfg.val_dataloader.collate_fn.type == 'default_collate'
    assert cfg.val_dataloader.persistent_workers is False
    launch.set_loader_defaults(cfg, persistent_workers=False)
    assert cfg.train_dataloader.persistent_workers is False


@pytest.mark.parametrize(
    ('given', 'in_config', 'expected'),
    [
        ('a', 'b', 'a'),
        (None, 'b', 'b'),
        (None, None, 'work_dirs/dynamix_r50'),
    ],
)
def test_work_dir(given, in_config, expected):
    cfg = Config(dict(work_dir=in_config))
    launch.set_work_dir(cfg, 'configs/dynamix_r50.py', given)
    assert cfg.work_dir == expected
