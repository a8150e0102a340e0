"""A run that is killed and resumed is the run that was not, bit for bit."""

import json

import pytest
import torch
from mmengine.hooks import Hook

from dynamix.registry import HOOKS
from tests.toy import RELABEL, toy_cfg, train


class Killed(Exception):
    pass


@HOOKS.register_module()
class KillHook(Hook):
    """Ends the run, by default in the middle of the third epoch."""

    def __init__(self, iteration=10):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise Killed


@pytest.fixture(scope='module')
def unbroken(crops, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('unbroken')
    best = {'default_hooks.checkpoint.save_best': 'auto'}
    train(toy_cfg(crops, work_dir, 'unbroken', **best))
    return work_dir


def assert_same(a, b, where=''):
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f'{where}.{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for number, (x, y) in enumerate(zip(a, b)):
            assert_same(x, y, f'{where}[{number}]')
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


def logged(work_dir):
    """All logged values but times, by iteration; what was logged last counts."""
    found = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            for key, value in row.items():
                if 'time' not in key and key not in ('eta', 'memory', 'step', 'iter'):
                    found[row['step'], key] = value
    return found


@pytest.mark.parametrize('num_workers', [0, 2])
def test_killed_and_resumed_is_unbroken(crops, unbroken, tmp_path, num_workers):
    options = {'train_dataloader.num_workers': num_workers}
    kill = [*RELABEL, dict(type='KillHook')]
    name = f'killed{num_workers}'
    killed = toy_cfg(crops, tmp_path, name, custom_hooks=kill, **options)
    with pytest.raises(Killed):
        train(killed)
    assert not (tmp_path / 'epoch_3.pth').exists()
    options['resume'] = True
    if num_workers:  # a checkpoint that was renamed
        options['load_from'] = str(tmp_path / 'keep.pth')
        (tmp_path / 'epoch_2.pth').rename(options['load_from'])
    train(toy_cfg(crops, tmp_path, f'resumed{num_workers}', **options))
    ours, theirs = (
        torch.load(folder / 'epoch_4.pth', weights_only=False)
        for folder in (tmp_path, unbroken)
    )
    for key in (
        'state_dict',
        'optimizer',
        'param_schedulers',
        'identity_table',
        'sampler',
    ):
        assert_same(ours[key], theirs[key], key)
    expected = logged(unbroken)
    assert any('loss_camera_centroid' in key for _, key in expected)
    assert any('relabel/' in key for _, key in expected)
    assert any('strangers/mAP' in key for _, key in expected)
    assert logged(tmp_path) == expected


def test_checkpoints_hold_plain_types_alone(unbroken, monkeypatch):
    assert (unbroken / 'best_average_mAP_epoch_4.pth').exists()
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        for file in unbroken.glob('*.pth'):
            loaded = torch.load(file, weights_only=True)
            assert 'train/loss' in loaded['message_hub']['log_scalars']
    finally:
        torch.serialization.add_safe_globals(allowed)


def test_what_holds_where_the_config_was_changed(crops, unbroken, tmp_path):
    changes = {
        'optim_wrapper.optimizer.lr': 0.5,
        'optim_wrapper.optimizer.weight_decay': 0.25,
        'param_scheduler.eta_min': 0.125,
        'model.head.losses.centroid.temperature': 0.3,
    }
    cfg = toy_cfg(crops, tmp_path, 'changed', resume=True, **changes)
    cfg.load_from = str(unbroken / 'epoch_4.pth')
    cfg.train_cfg.max_epochs = 4  # it is at its end
    runner = train(cfg)
    state = torch.load(cfg.load_from, weights_only=True)
    [group], [theirs] = (
        runner.optim_wrapper.param_groups,
        state['optimizer']['param_groups'],
    )
    assert (group['lr'], group['weight_decay']) == (theirs['lr'], 0)
    assert runner.param_schedulers[0].eta_min == 0
    [log] = tmp_path.glob('*/*.log')
    lines = [line for line in log.read_text().splitlines() if ' holds' in line]
    assert [line.split(' is ')[0] for line in lines] == sorted(changes)
    assert ['checkpoint holds' in line for line in lines] == [False, True, True, True]


def test_loading_weights_alone_starts_memories_afresh(crops, unbroken, tmp_path):
    cfg = toy_cfg(
        crops,
        tmp_path,
        'weights',
        load_from=str(unbroken / 'epoch_4.pth'),
        **{'train_cfg.max_epochs': 1, 'optim_wrapper.optimizer.lr': 0.0},
    )
    runner = train(cfg)
    assert runner.iter == 4
    table = runner.train_dataloader.dataset.identity_table
    assert (table.identity == table.original).all()
    known = runner.model.head.memory.valid
    assert 0 < known.sum() < len(known)
    before = torch.load(unbroken / 'epoch_4.pth', weights_only=False)['state_dict']
    after = runner.model.state_dict()
    for key, value in before.items():
        if key.startswith('encoder.'):
            assert torch.equal(after[key], value), key
