"""Checkpoints can be read by PyTorch, which by default reads only what is safe."""

import pickle
import subprocess
import sys

import pytest
import torch
from mmengine.logging import HistoryBuffer

from dynamix.compatibility import history_statistic, let_checkpoints_be_read
from tests.toy import make_crops, toy_cfg, train


@pytest.fixture
def no_safe_globals():
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Of a run with relabeling, histories and a best score."""
    root = tmp_path_factory.mktemp('toy')
    make_crops(root)
    cfg = toy_cfg(root, root / 'run', 'compatibility')
    cfg.train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
    cfg.custom_hooks = [dict(type='RelabelHook', start=1)]
    cfg.default_hooks.checkpoint.save_best = 'average/mAP'
    train(cfg)
    return root / 'run' / 'epoch_2.pth'


def test_a_checkpoint_needs_no_trust(checkpoint, no_safe_globals):
    with pytest.raises(pickle.UnpicklingError, match='weights_only'):
        torch.load(checkpoint, weights_only=True)
    let_checkpoints_be_read()
    loaded = torch.load(checkpoint, weights_only=True)
    assert {'optimizer', 'identity_table', 'feature_bank'} < set(loaded)
    hub = loaded['message_hub']
    assert hub['log_scalars']['train/loss'].mean() > 0
    assert 'best_score' in hub['runtime_info']


def test_importing_dynamix_is_enough(tmp_path):
    torch.save(HistoryBuffer([0.5], [1]), tmp_path / 'history.pth')
    code = (
        'import sys, dynamix, torch\n'
        'print(torch.load(sys.argv[1], weights_only=True).mean())'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, tmp_path / 'history.pth'],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '0.5'


class Thief:
    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def test_nothing_else_is_looked_up(tmp_path, no_safe_globals):
    let_checkpoints_be_read()
    torch.save(Thief(), tmp_path / 'thief.pth')
    with pytest.raises(pickle.UnpicklingError, match=r'asks for .*__init__'):
        torch.load(tmp_path / 'thief.pth', weights_only=True)
    with pytest.raises(pickle.UnpicklingError, match="asks for 'mean' of <class 'int'"):
        history_statistic(int, 'mean')
