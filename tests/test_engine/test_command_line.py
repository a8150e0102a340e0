import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from dynamix.engine.command_line import ToolRunner, merge_options


def test_options_that_somebody_reads_are_taken():
    cfg = Config(dict(model=dict(head=dict(in_channels=8)), targets=[dict(a=1)]))
    options = {
        'model.head.in_channels': 4,  # of the config
        'targets.0.a': 2,
        'randomness.seed': 3,  # of the Runner
        'compile': True,
    }
    merge_options(cfg, options)
    assert cfg.model.head.in_channels == 4
    assert cfg.targets[0].a == 2
    assert cfg.randomness.seed == 3
    assert cfg.compile is True
    merge_options(cfg, {})


@pytest.mark.parametrize(
    ('key', 'nearest'),
    [
        ('train_dataloder.num_workers', 'train_dataloader'),
        ('my_setings.seed', 'my_settings'),
        ('cfg', 'val_cfg'),  # the Runner's, but not to be set
    ],
)
def test_an_option_that_nobody_reads_is_refused(key, nearest, tmp_path):
    config = tmp_path / 'some.py'
    config.write_text('my_settings = dict(seed=1)')
    cfg = Config.fromfile(config)
    first = key.split('.')[0]
    message = (
        rf"--cfg-options {key}: neither .*some\.py nor .* has '{first}'.*{nearest}"
    )
    with pytest.raises(ValueError, match=message):
        merge_options(cfg, {key: 2})
    assert first not in cfg


def test_checkpoints_to_resume_are_read_to_the_cpu(monkeypatch):
    seen = []
    monkeypatch.setattr(Runner, 'resume', lambda self, *args: seen.append(args))
    runner = object.__new__(ToolRunner)
    runner.resume('epoch_1.pth')
    runner.resume('epoch_1.pth', False, map_location='cuda')
    assert seen == [
        ('epoch_1.pth', True, True, 'cpu'),
        ('epoch_1.pth', False, True, 'cuda'),
    ]
