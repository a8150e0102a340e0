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


@pytest.mark.parametrize(
    ('launcher', 'variable'),
    [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
)
def test_first_rank(launcher, variable, monkeypatch):
    for rank in (0, 1):
        monkeypatch.setenv(variable, str(rank))
        assert launch.is_first_rank('none')
        assert launch.is_first_rank(launcher) == (rank == 0)


@pytest.mark.parametrize(('world_size', 'expected'), [(1, 96), (8, 12)])
def test_global_batch_is_shared_out(world_size, expected):
    cfg = Config(dict(train_dataloader=loader()))
    launch.share_out_batch(cfg, world_size)
    assert cfg.train_dataloader.batch_size == expected


@pytest.mark.parametrize('given', [None, 12])
def test_a_batch_size_that_fits_is_no_matter(given):
    cfg = Config(dict(train_dataloader=loader(batch_size=given)))
    assert launch.share_out_batch(cfg, 8) is None


def test_a_batch_size_without_effect_is_told():
    cfg = Config(dict(train_dataloader=loader(batch_size=64)))
    warning = launch.share_out_batch(cfg, 8)
    assert 'train_dataloader.batch_size=64 has no effect' in warning
    assert '8 identities x 4 + 8 videos x 2 identities x 4 = 96 images' in warning
    assert '12 for each of 8 ranks' in warning
    assert cfg.train_dataloader.batch_size == 12


def test_ranks_that_cannot_share_a_batch():
    cfg = Config(dict(train_dataloader=loader()))
    message = (
        r'train_dataloader\.sampler: .*possible numbers of ranks: 1, 2, 4, 8\..*make '
        r'multi_camera\.identities and single_camera\.videos .*divisible by 3'
    )
    with pytest.raises(ValueError, match=message):
        launch.share_out_batch(cfg, 3)
    cfg.train_dataloader.sampler.single_camera = None
    with pytest.raises(ValueError, match=r'make multi_camera\.identities divisible'):
        launch.share_out_batch(cfg, 3)


def start(tmp_path, resume):
    cfg = Config(dict(work_dir=str(tmp_path), load_from='weights.pth', resume=True))
    said = launch.choose_start(cfg, resume)
    return cfg.resume, cfg.load_from, said


def test_resume_without_a_checkpoint_keeps_the_weights_to_begin_with(tmp_path):
    resume, load_from, said = start(tmp_path, 'auto')
    assert (resume, load_from) == (False, 'weights.pth')
    assert f'{tmp_path} has no checkpoint yet' in said
    assert 'begins with the weights of load_from=weights.pth' in said
    cfg = Config(dict(work_dir=str(tmp_path)))
    assert 'begins anew' in launch.choose_start(cfg, 'auto')


def test_resume_goes_on_from_the_latest_checkpoint_or_the_given_one(tmp_path):
    torch.save({}, tmp_path / 'epoch_2.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    resume, load_from, said = start(tmp_path, 'auto')
    # None: MMEngine looks up the same file.
    assert (resume, load_from) == (True, None)
    assert f'goes on from {tmp_path}/epoch_2.pth, the latest' in said
    resume, load_from, said = start(tmp_path, 'epoch_1.pth')
    assert (resume, load_from) == (True, 'epoch_1.pth')
    assert 'goes on from epoch_1.pth' in said


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
