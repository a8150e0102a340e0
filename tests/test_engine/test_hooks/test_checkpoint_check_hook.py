import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import nn

from dynamix.engine import CheckpointCheckHook


def make_runner(resume=False, training=True, **cfg):
    return SimpleNamespace(
        model=nn.ModuleDict(dict(encoder=nn.Linear(2, 3), head=nn.Linear(4, 4))),
        cfg=Config(cfg),
        _resume=resume,
        _load_from='some.pth',
        _train_loop=SimpleNamespace(dataloader=None) if training else {},
    )


def check(weights, resume=False, training=True):
    runner = make_runner(resume=resume, training=training)
    checkpoint = dict(state_dict=weights, optimizer={})
    CheckpointCheckHook().after_load_checkpoint(runner, checkpoint)


GOOD = {'encoder.weight': torch.zeros(3, 2), 'encoder.bias': torch.zeros(3)}
PART = {'encoder.weight': torch.zeros(3, 2)}
MORE = {**GOOD, 'deeper.bias': torch.zeros(3)}


def test_fitting_checkpoints_pass_whatever_the_head_holds():
    check(GOOD, resume=True)
    check({f'module.{key}': value for key, value in GOOD.items()}, training=False)
    check({**GOOD, 'head.weight': torch.zeros(9, 9)}, resume=True)


@pytest.mark.parametrize('training', [False, True])
def test_published_weights_are_those_of_the_encoder_too(training):
    runner = make_runner(training=training)
    runner.model['momentum_encoder'] = nn.ModuleDict(dict(module=nn.Linear(2, 3)))
    averaged = runner.model['momentum_encoder'].state_dict()
    checkpoint = dict(
        state_dict={f'momentum_encoder.{name}': w for name, w in averaged.items()}
    )
    CheckpointCheckHook().after_load_checkpoint(runner, checkpoint)
    for name in ('weight', 'bias'):
        weight = checkpoint['state_dict'][f'encoder.{name}']
        assert weight is averaged[f'module.{name}']


def test_weights_that_do_not_fit_are_named():
    with pytest.raises(
        ValueError, match=r"some.pth .* 'encoder.weight': \[5, 2\] .*\[3, 2\]"
    ):
        check({**GOOD, 'encoder.weight': torch.zeros(5, 2)})
    with pytest.raises(ValueError, match=r'no weight of some\.pth fits'):
        check({'conv1.weight': torch.zeros(1)})


@pytest.mark.parametrize(
    ('weights', 'message'),
    [
        (PART, r"1 of 2 .*'encoder\.bias': absent in the ch"),
        (MORE, r"1 of 3 .*'deeper\.bias'.* absent in the m"),
    ],
)
def test_a_part_of_the_weights_will_do_for_a_start_alone(weights, message):
    check(weights)
    for use in (dict(resume=True), dict(training=False)):
        with pytest.raises(ValueError, match=message):
            check(weights, **use)


def test_a_best_checkpoint_is_not_resumed():
    checkpoint = dict(state_dict=GOOD)
    CheckpointCheckHook().before_save_checkpoint(make_runner(), checkpoint)
    with pytest.raises(ValueError, match=r'some\.pth has no `optimizer`'):
        CheckpointCheckHook().after_load_checkpoint(
            make_runner(resume=True), checkpoint
        )


def change(before, now):
    """Resumes with another config."""
    checkpoint = dict(state_dict=GOOD, optimizer={})
    CheckpointCheckHook().before_save_checkpoint(make_runner(**before), checkpoint)
    CheckpointCheckHook().after_load_checkpoint(
        make_runner(resume=True, **now), checkpoint
    )


def settings(**changes):
    cfg = dict(
        model=dict(head=dict(losses=dict(centroid=dict(temperature=0.5)))),
        optim_wrapper=dict(
            optimizer=dict(type='Adam', lr=1e-3, betas=(0.9, 0.99)),
            clip_grad=dict(max_norm=2),
        ),
        param_scheduler=[dict(type='LinearLR', end=2), dict(type='CosineAnnealingLR')],
        train_cfg=dict(max_epochs=4),
        train_dataloader=dict(num_workers=2, dataset=dict(single_camera=[dict(a=1)])),
    )
    cfg = Config(cfg)
    cfg.merge_from_dict(changes)
    return cfg.to_dict()


@pytest.mark.parametrize(
    ('key', 'value', 'text'),
    [
        ('model.head.losses.centroid.temperature', 0.3, '0.5 .* 0.3 .* config holds'),
        ('model.head.losses.new', dict(w=2), r"new\.w is 'absent' .* config holds"),
        ('optim_wrapper.optimizer.lr', 1e-4, r'0\.001 .* 0\.0001 .* checkpoint holds'),
        ('optim_wrapper.clip_grad.max_norm', 1, '2 .* 1 .* config holds'),
        ('param_scheduler.0.end', 3, '2 .* 3 .* checkpoint holds'),
        ('train_dataloader.dataset.single_camera.0.a', 2, '1 .* 2 .* config holds'),
    ],
)
def test_a_setting_that_was_changed_is_a_warning(logged, key, value, text):
    change(settings(), settings(**{key: value}))
    [line] = logged
    assert key in line
    assert re.search(text, line)


def test_what_does_not_change_the_run_is_no_warning(logged):
    new = settings(**{'train_dataloader.num_workers': 0, 'log_level': 'DEBUG'})
    new['optim_wrapper']['optimizer']['betas'] = [0.9, 0.99]
    new['model']['backbone'] = dict(init_cfg=dict(checkpoint='x'))
    change(settings(), new)
    assert logged == []


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('optim_wrapper.optimizer.type', 'AdamW', r'optimizer\.type Adam, .* AdamW'),
        ('param_scheduler.1.type', 'MultiStepLR', r'\.1\.type Cos.* has MultiStepLR'),
        ('param_scheduler', [dict(type='LinearLR', end=2)], 'the config has absent'),
    ],
)
def test_another_optimizer_or_schedule_is_not_resumed(key, value, message):
    with pytest.raises(ValueError, match=rf'some\.pth .*{message}'):
        change(settings(), settings(**{key: value}))
