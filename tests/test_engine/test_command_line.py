from pathlib import Path

import pytest
from mmengine.config import Config

from dynamix.engine.command_line import merge_options

CONFIGS = Path(__file__).parents[2] / 'configs'


def test_options_that_are_read_are_taken():
    cfg = Config(dict(model=dict(head=dict(in_channels=8)), custom_hooks=[dict(a=1)]))
    options = {
        'model.head.in_channels': 4,  # of the config
        'custom_hooks.0.a': 2,
        'randomness.seed': 3,  # of the Runner
        'compile': True,
        'env_cfg.cudnn_benchmark': False,
    }
    merge_options(cfg, options)
    assert cfg.model.head.in_channels == 4
    assert cfg.custom_hooks[0].a == 2
    assert cfg.randomness.seed == 3
    assert cfg.compile is True


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('train_dataloder.num_workers', "no key 'train_dataloder'; .*train_dataloader"),
        ('cfg', "no key 'cfg'"),  # the Runner's, but not to be set
        # variables, which do nothing once the file is read
        ('settings.seed', r'edit the file'),
        (
            'pipeline.0.scale',
            r'set train_dataloader\.dataset\.pipeline and val_dataloader\.pipeline\.',
        ),
    ],
)
def test_an_option_that_changes_nothing_is_refused(key, message, tmp_path):
    config = tmp_path / 'some.py'
    config.write_text(
        'settings = dict(seed=1)\n'
        'pipeline = [dict(type="Resize", scale=(2, 4))]\n'
        'train_dataloader = dict(dataset=dict(pipeline=pipeline))\n'
        'val_dataloader = dict(pipeline=pipeline)\n'
        'default_pipeline = pipeline\n'
    )
    cfg = Config.fromfile(config)
    before = cfg.pretty_text
    with pytest.raises((ValueError, TypeError), match=message):
        merge_options(cfg, {key: 2})
    assert cfg.pretty_text == before


def shown(cfg, key):
    """All values of a key, wherever it is."""
    if isinstance(cfg, dict):
        for name, value in cfg.items():
            if name == key:
                yield value
            yield from shown(value, key)
    elif isinstance(cfg, list | tuple):
        for value in cfg:
            yield from shown(value, key)


def read(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


@pytest.mark.parametrize('given', ['/disk', '/disk/'])
def test_data_root_moves_all_data(given):
    cfg = read('dynamix_r50')
    merge_options(cfg, {'data_root': given})
    roots = [*shown(cfg.train_dataloader.to_dict(), 'data_root')]
    assert roots == ['/disk/MSMT17', '/disk/LUPerson-NL']
    roots = [*shown(cfg.test_dataloader.to_dict(), 'data_root')]
    assert roots == [
        '/disk/Market-1501',
        '/disk/CUHK03-NP/labeled',
        '/disk/CUHK03-NP/detected',
    ]
    assert cfg.val_dataloader == cfg.test_dataloader


def test_one_source_can_be_elsewhere():
    cfg = read('dynamix_r50')
    one = 'train_dataloader.dataset.multi_camera.0.data_root'
    merge_options(cfg, {one: '/ssd/MSMT17', 'data_root': '/disk'})
    roots = [*shown(cfg.train_dataloader.to_dict(), 'data_root')]
    assert roots == ['/ssd/MSMT17', '/disk/LUPerson-NL']


@pytest.mark.parametrize('name', ['dynamix_vit-b', 'dynamix_r18_synthetic'])
def test_image_size_reaches_pipelines_model_and_data(name):
    cfg = read(name)
    merge_options(cfg, {'image_size': [384, 192]})
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert {*shown(loader.to_dict(), 'scale')} == {(192, 384)}
        assert {*shown(loader.to_dict(), 'image_size')} <= {(384, 192)}
    if 'vit' in name:
        assert cfg.model.backbone.img_size == (384, 192)
    else:
        assert cfg.train_dataloader.dataset.multi_camera[0].image_size == (384, 192)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'image_size': 384}, 'expected height,width, found 384'),
        ({'data_root': 3}, 'expected a folder, found 3'),
        ({'data_root': '/disk'}, r"no data_root of the config is made from 'data/'"),
    ],
)
def test_a_wrong_value_of_a_variable_is_named(options, message):
    cfg = Config(dict(image_size=(2, 1), data_root='data/', model=dict(data_root='x')))
    with pytest.raises(ValueError, match=message):
        merge_options(cfg, options)
