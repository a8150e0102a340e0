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
    ('launcher', 'environment'),
    [
        ('pytorch', dict(RANK='3', WORLD_SIZE='4')),
        ('slurm', dict(SLURM_PROCID='3', SLURM_NTASKS='4')),
        ('mpi', dict(OMPI_COMM_WORLD_RANK='3', OMPI_COMM_WORLD_SIZE='4')),
    ],
)
def test_rank_of_a_launcher(monkeypatch, launcher, environment):
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert launch.launched_rank('none') == (0, 1)
    assert launch.launched_rank(launcher) == (3, 4)
    for key in environment:
        monkeypatch.delenv(key)
        with pytest.raises(RuntimeError, match=f'needs .* variable .{key}.: '):
            launch.launched_rank(launcher)
        monkeypatch.setenv(key, '0')


@pytest.mark.parametrize(('world_size', 'expected'), [(1, 96), (8, 12)])
def test_global_batch_is_shared_out(world_size, expected):
    for given in (None, expected):
        cfg = Config(dict(train_dataloader=loader(batch_size=given)))
        assert launch.share_out_batch(cfg, world_size) is None
        assert cfg.train_dataloader.batch_size == expected
    cfg.train_dataloader.sampler.single_camera = None
    launch.share_out_batch(cfg, 1)
    assert cfg.train_dataloader.batch_size == 32


def test_a_batch_size_without_effect_is_a_warning():
    cfg = Config(dict(train_dataloader=loader(batch_size=64)))
    warning = launch.share_out_batch(cfg, 8)
    assert 'train_dataloader.batch_size=64 has no effect' in warning
    assert '8 identities x 4 + 8 videos x 2 identities x 4 = 96 images' in warning
    assert '12 for each of 8 ranks' in warning
    assert cfg.train_dataloader.batch_size == 12


def test_ranks_that_cannot_share_a_batch():
    cfg = Config(dict(train_dataloader=loader()))
    with pytest.raises(ValueError, match=r'possible numbers of ranks: 1, 2, 4, 8\.'):
        launch.share_out_batch(cfg, 3)


def test_loader_defaults_leave_what_is_set():
    cfg = Config(
        dict(
            train_dataloader=loader(num_workers=2, collate_fn=dict(type='mine')),
            val_dataloader=dict(num_workers=0, persistent_workers=True),
        )
    )
    launch.set_loader_defaults(cfg)
    assert cfg.train_dataloader.collate_fn.type == 'mine'
    assert cfg.train_dataloader.persistent_workers is True
    assert cfg.train_dataloader.pin_memory == torch.cuda.is_available()
    assert cfg.val_dataloader.collate_fn.type == 'default_collate'
    assert cfg.val_dataloader.persistent_workers is False


@pytest.mark.parametrize(
    ('given', 'in_config', 'expected'),
    [('a', 'b', 'a'), (None, 'b', 'b'), (None, None, 'work_dirs/dynamix_r50')],
)
def test_work_dir(given, in_config, expected):
    cfg = Config(dict(work_dir=in_config))
    launch.set_work_dir(cfg, 'configs/dynamix_r50.py', given)
    assert cfg.work_dir == expected
