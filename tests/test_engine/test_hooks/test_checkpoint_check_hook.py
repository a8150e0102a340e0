import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import nn

from dynamix.engine import CheckpointCheckHook


def make_runner(make_optimizer=None, resume=False, training=True, **cfg):
    model = nn.ModuleDict(dict(encoder=nn.Linear(2, 3), head=nn.Linear(4, 4)))
    optimizer = (make_optimizer or adam)(model.encoder)
    return SimpleNamespace(
        model=model,
        optim_wrapper=SimpleNamespace(optimizer=optimizer),
        cfg=Config(cfg),
        _resume=resume,
        _load_from='some.pth',
        _train_loop=SimpleNamespace(dataloader=None) if training else {},
    )


def check(weights, resume=False, training=True):
    runner = make_runner(resume=resume, training=training)
    checkpoint = dict(state_dict=weights)
    if resume:
        checkpoint['optimizer'] = runner.optim_wrapper.optimizer.state_dict()
    CheckpointCheckHook().after_load_checkpoint(runner, checkpoint)


def adam(model):
    return torch.optim.Adam(model.parameters())


GOOD = {'encoder.weight': torch.zeros(3, 2), 'encoder.bias': torch.zeros(3)}


def test_fitting_checkpoints_pass_whatever_the_head_holds():
    check(GOOD, resume=True)
    check({f'module.{key}': value for key, value in GOOD.items()}, training=False)
    check({**GOOD, 'head.weight': torch.zeros(9, 9)}, resume=True)


def test_other_shape_is_named():
    with pytest.raises(
        ValueError, match=r"some.pth .* 'encoder.weight': \[5, 2\] .*\[3, 2\]"
    ):
        check({**GOOD, 'encoder.weight': torch.zeros(5, 2)})


def test_missing_weights_are_an_error_except_for_a_start():
    part = {'encoder.weight': torch.zeros(3, 2)}
    check(part)
    with pytest.raises(ValueError, match=r"1 of 2 .*'encoder\.bias': absent in the ch"):
        check(part, resume=True)
    with pytest.raises(ValueError, match=r"1 of 2 .*'encoder\.bias': absent in the ch"):
        check(part, training=False)


def test_weights_that_the_model_lacks_are_an_error_except_for_a_start():
    more = {**GOOD, 'deeper.bias': torch.zeros(3)}
    check(more)
    with pytest.raises(ValueError, match=r"1 of 3 .*'deeper\.bias'.* absent in the m"):
        check(more, resume=True)


def test_nothing_fits():
    with pytest.raises(ValueError, match=r'no weight of some\.pth fits'):
        check({'conv1.weight': torch.zeros(1)})


def resume(saved, optimizer):
    """Checks the checkpoint of a run with one optimizer against a run with another."""
    before, after = make_runner(saved), make_runner(optimizer, resume=True)
    checkpoint = dict(
        state_dict=GOOD, optimizer=before.optim_wrapper.optimizer.state_dict()
    )
    CheckpointCheckHook().before_save_checkpoint(before, checkpoint)
    CheckpointCheckHook().after_load_checkpoint(after, checkpoint)
    del checkpoint['optimizer_type']  # as before it was noted
    CheckpointCheckHook().after_load_checkpoint(after, checkpoint)


def adam_w(model):
    return torch.optim.AdamW(model.parameters())


def adam_of_two_groups(model):
    return torch.optim.Adam([dict(params=[x]) for x in model.parameters()])


def test_an_optimizer_goes_on():
    resume(adam, adam)
    resume(adam_of_two_groups, adam_of_two_groups)


def test_another_optimizer_is_not_resumed():
    with pytest.raises(
        ValueError, match=r'some\.pth .* of Adam, but optim_wrapper\..* is AdamW'
    ):
        resume(adam, adam_w)


def test_other_parameter_groups_are_not_resumed():
    with pytest.raises(
        ValueError, match=r'2 parameter groups with 2 .* optim_wrapper makes 1 with 2'
    ):
        resume(adam_of_two_groups, adam)


def test_a_best_checkpoint_is_not_resumed():
    checkpoint = dict(state_dict=GOOD)
    CheckpointCheckHook().before_save_checkpoint(make_runner(), checkpoint)
    with pytest.raises(ValueError, match=r'some\.pth has no `optimizer`'):
        CheckpointCheckHook().after_load_checkpoint(
            make_runner(resume=True), checkpoint
        )


def change(before, now):
    """Resumes with another config."""
    old, new = make_runner(**before), make_runner(resume=True, **now)
    checkpoint = dict(
        state_dict=GOOD, optimizer=old.optim_wrapper.optimizer.state_dict()
    )
    CheckpointCheckHook().before_save_checkpoint(old, checkpoint)
    CheckpointCheckHook().after_load_checkpoint(new, checkpoint)


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
        ('optim_wrapper.optimizer.weight_decay', 0.1, 'checkpoint holds'),
        ('optim_wrapper.clip_grad.max_norm', 1, '2 .* 1 .* config holds'),
        ('param_scheduler.0.end', 3, '2 .* 3 .* checkpoint holds'),
        ('train_cfg.max_epochs', 6, '4 .* 6 .* config holds'),
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
    change(dict(param_scheduler=dict(end=2)), dict(param_scheduler=[dict(end=2)]))
    assert logged == []


def test_another_schedule_is_not_resumed():
    new = settings(**{'param_scheduler.1.type': 'MultiStepLR'})
    with pytest.raises(
        ValueError, match=r'some\.pth .*\.1\.type Cos.* has MultiStepLR'
    ):
        change(settings(), new)
    new['param_scheduler'].pop()
    with pytest.raises(ValueError, match='but the config has absent'):
        change(settings(), new)
