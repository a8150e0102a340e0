import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

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
        with pytest.raises(RuntimeError, match=f'needs .* variable {key}, '):
            launch.launched_rank(launcher)
        monkeypatch.setenv(key, '0')


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({}, dict(broadcast_buffers=False, find_unused_parameters=False)),
        (
            dict(find_unused_parameters=True),
            dict(broadcast_buffers=False, find_unused_parameters=True),
        ),
        (
            dict(model_wrapper_cfg=dict(find_unused_parameters=True)),
            dict(find_unused_parameters=True),
        ),
    ],
)
def test_ranks_on_cpus_keep_the_options_of_the_wrapper(monkeypatch, given, expected):
    begun = []
    group = launch.torch_dist
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(group, 'init_process_group', lambda *a, **k: begun.append(a))
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'):
        monkeypatch.setenv(name, '7')
    monkeypatch.setenv('SLURM_PROCID', '1')
    cfg = Config(dict(launcher='slurm', **given))
    launch.start_cpu_ranks(cfg)
    assert begun == [('gloo',)]
    assert launch.launched_rank('pytorch')[0] == 1
    wrapper = dict(cfg.model_wrapper_cfg)
    assert wrapper.pop('type') == 'MMDistributedDataParallel'
    assert wrapper.pop('device_ids') is None
    assert wrapper == expected


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
            val_dataloader=loader(num_workers=0),
        )
    )
    launch.set_loader_defaults(cfg)
    assert cfg.train_dataloader.collate_fn.type == 'mine'
    assert cfg.train_dataloader.persistent_workers is True
    assert cfg.train_dataloader.pin_memory == torch.cuda.is_available()
    assert cfg.val_dataloader.collate_fn.type == 'default_collate'


@pytest.mark.parametrize('workers', [{}, dict(num_workers=0)])
@pytest.mark.parametrize(
    'option',
    [
        dict(prefetch_factor=4),
        dict(persistent_workers=True),
        dict(timeout=60),
        dict(multiprocessing_context='fork'),
    ],
)
def test_without_workers_their_options_are_dropped(workers, option):
    cfg = Config(dict(val_dataloader=dict(**workers, **option)))
    launch.set_loader_defaults(cfg)
    options = cfg.val_dataloader.to_dict()
    del options['collate_fn']
    assert [*DataLoader([1, 2], **options)] == [1, 2]
    cfg = Config(dict(val_dataloader=dict(num_workers=1, **option)))
    launch.set_loader_defaults(cfg)
    assert option.items() <= cfg.val_dataloader.to_dict().items()


@pytest.mark.parametrize(
    ('given', 'in_config', 'expected'),
    [('a', 'b', 'a'), (None, 'b', 'b'), (None, None, 'work_dirs/dynamix_r50')],
)
def test_work_dir(given, in_config, expected):
    cfg = Config(dict(work_dir=in_config))
    launch.set_work_dir(cfg, 'configs/dynamix_r50.py', given)
    assert cfg.work_dir == expected
