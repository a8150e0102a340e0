"""The tools as users run them, on one process and on two."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils._pytree import tree_flatten

from dynamix.engine.launch import share_out_batch
from dynamix.visualization import read_scalars
from tests.toy import make_crops, toy_cfg

TOOLS = Path(__file__).parents[2] / 'tools'


def run(*command, expect=0):
    environment = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='-1')
    done = subprocess.run(
        [str(word) for word in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode == 0) == (expect == 0), done.stdout + done.stderr
    return done.stdout + done.stderr


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])


def dist_train(config, *arguments, ranks=2):
    torchrun = [sys.executable, '-m', 'torch.distributed.run']
    return run(
        *torchrun,
        f'--nproc_per_node={ranks}',
        f'--master_port={free_port()}',
        TOOLS / 'train.py',
        config,
        '--launcher',
        'pytorch',
        *arguments,
    )


def losses(work_dir):
    rows = []
    for file in work_dir.glob('*/vis_data/scalars.json'):
        rows += [json.loads(line) for line in file.read_text().splitlines()]
    return [row['loss'] for row in rows if 'loss' in row]


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy')
    make_crops(root)
    cfg = toy_cfg(root, root / 'unused', 'tools')
    for key in ('work_dir', 'launcher', 'experiment_name'):
        cfg.pop(key)
    # Adam makes whole steps of gradients that are but rounding, which would hide how
    # near two ranks are to one.
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.05)
    cfg.dump(root / 'toy.py')
    return root


@pytest.fixture(scope='module')
def one_rank(toy):
    text = run(
        sys.executable, TOOLS / 'train.py', toy / 'toy.py', '--work-dir', toy / 'one'
    )
    return text


@pytest.mark.slow
def test_two_ranks_train_as_one(toy, one_rank):
    dist_train(toy / 'toy.py', '--work-dir', toy / 'two')
    labels = {}
    for epoch in range(1, 5):
        one, two = (
            torch.load(toy / name / f'epoch_{epoch}.pth', weights_only=False)
            for name in ('one', 'two')
        )
        labels[epoch] = one['identity_table']['identity']
        assert torch.equal(labels[epoch], two['identity_table']['identity'])
    assert not torch.equal(labels[1], labels[2])
    torch.testing.assert_close(
        losses(toy / 'one'), losses(toy / 'two'), rtol=1e-4, atol=0
    )
    for key, value in one['state_dict'].items():
        torch.testing.assert_close(
            value, two['state_dict'][key], rtol=1e-3, atol=3e-4, msg=key
        )


@pytest.mark.slow
def test_two_ranks_killed_and_resumed_are_unbroken(toy):
    # batch normalisation that is not synchronised: each rank has statistics of its own
    config = toy / 'batch_norm.py'
    config.write_text(
        "_base_ = './toy.py'\n"
        "model = dict(backbone=dict(norm_cfg=dict(type='BN', _delete_=True)))\n"
        'train_cfg = dict(max_epochs=2, val_interval=1)\n'
    )
    dist_train(config, '--work-dir', toy / 'unbroken')
    (toy / 'killed').mkdir()
    shutil.copy(toy / 'unbroken' / 'epoch_1.pth', toy / 'killed')
    resume = '--resume', toy / 'killed' / 'epoch_1.pth'
    dist_train(config, '--work-dir', toy / 'killed', *resume)
    one, two = (
        torch.load(toy / name / 'epoch_2.pth', weights_only=False)
        for name in ('unbroken', 'killed')
    )
    assert any('running_mean' in key for key in one['state_dict'])
    for part in ('state_dict', 'identity_table', 'optimizer'):
        ours, theirs = (tree_flatten(x[part])[0] for x in (one, two))
        assert len(ours) == len(theirs) > 0
        for a, b in zip(ours, theirs):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    assert losses(toy / 'unbroken')[-4:] == losses(toy / 'killed')
    # that of epoch 1 may have been cut short
    assert read_scalars(toy / 'killed')['average/mAP'].x.tolist() == [1, 2]


@pytest.mark.slow
def test_resume_begins_with_the_weights_of_the_config(toy, one_rank):
    start = toy / 'one' / 'epoch_4.pth'
    run(
        sys.executable,
        TOOLS / 'train.py',
        toy / 'toy.py',
        '--work-dir',
        toy / 'requeued',
        '--resume',
        '--no-validate',
        '--cfg-options',
        f'load_from={start}',
        'train_cfg.max_epochs=1',
        'optim_wrapper.optimizer.lr=0.0',
        'train_dataloader.batch_size=5',
    )
    before, after = (
        torch.load(file, weights_only=False)['state_dict']
        for file in (start, toy / 'requeued' / 'epoch_1.pth')
    )
    key = 'encoder.backbone.conv1.weight'
    assert torch.equal(before[key], after[key])
    [log] = (toy / 'requeued').glob('*/*.log')
    text = log.read_text()
    assert f'begins with the weights of load_from={start}' in text
    assert 'train_dataloader.batch_size=5 has no effect' in text


@pytest.mark.slow
def test_log_says_what_matters(one_rank):
    assert '2 videos x 2 identities x 2 = ' in one_rank
    assert 'loss_instance' in one_rank
    assert 'eta' in one_rank
    assert 'Window of epoch 1' not in one_rank
    assert 'Window of epoch 2: 48 images' in one_rank
    assert 'strangers: 12 queries' in one_rank
    assert 'average' in one_rank


@pytest.mark.slow
def test_test_tool_repeats_the_last_evaluation(toy, one_rank):
    run(
        sys.executable,
        TOOLS / 'test.py',
        toy / 'toy.py',
        toy / 'one' / 'epoch_4.pth',
        '--work-dir',
        toy / 'tested',
        '--out',
        toy / 'metrics.json',
    )
    metrics = json.loads((toy / 'metrics.json').read_text())
    rows = []
    for file in (toy / 'one').glob('*/vis_data/scalars.json'):
        rows += [json.loads(line) for line in file.read_text().splitlines()]
    trained = next(row for row in reversed(rows) if 'strangers/mAP' in row)
    assert metrics['strangers/mAP'] == pytest.approx(trained['strangers/mAP'])


@pytest.mark.slow
def test_mixed_precision_and_scaled_rate(toy):
    text = run(
        sys.executable,
        TOOLS / 'train.py',
        toy / 'toy.py',
        '--amp',
        '--auto-scale-lr',
        '--no-validate',
        '--work-dir',
        toy / 'amp',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'auto_scale_lr.base_batch_size=8',
        # The weights' gradient of a strided bfloat16 convolution from 2 x 1 to 1 x 1
        # pixels holds memory that nobody wrote, on CPUs (PyTorch 2.15).
        'model.backbone.strides=(1,2,2,1)',
    )
    assert 'BFloat16OptimWrapper' in text
    assert 'Scaling the original LR by 2.0' in text
    assert (toy / 'amp' / 'epoch_1.pth').exists()


@pytest.mark.slow
def test_real_recipe_says_what_data_is_missing(tmp_path):
    config = TOOLS.parent / 'configs' / 'dynamix_r50.py'
    text = run(
        sys.executable,
        TOOLS / 'train.py',
        config,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'model.backbone.init_cfg=None',
        f'train_dataloader.dataset.multi_camera.0.data_root={tmp_path}/MSMT17',
        expect=1,
    )
    assert f'{tmp_path}/MSMT17' in text
    assert 'docs/data.md' in text


def test_too_many_ranks_are_refused(toy, monkeypatch):
    with pytest.raises(ValueError, match='possible numbers of ranks: 1, 2'):
        share_out_batch(Config.fromfile(toy / 'toy.py'), 3)
