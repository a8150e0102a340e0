"""The tools as users run them, on one process and on two."""

import csv
import itertools
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils._pytree import tree_flatten

from dynamix.visualization import read_scalars
from tests.toy import make_crops, toy_cfg

from .conftest import TOOLS, load_tool

NUMBERS = itertools.count()


def run(tool, *words):
    """Runs a tool in this process, and returns what it logs."""
    # else two runs that begin within a second would share MMEngine's logger
    name = ('--cfg-options', f'experiment_name=run{next(NUMBERS)}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('sys.argv', [tool, *map(str, words), *name])
        patch.setenv('LOCAL_RANK', '0')
        load_tool(tool).main()
    work_dir = Path(words[words.index('--work-dir') + 1])
    return ''.join(log.read_text() for log in work_dir.glob('*/*.log'))


def dist_train(config, *words):
    """Trains on two processes."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    launch = ['-m', 'torch.distributed.run', '--nproc_per_node=2']
    tool = [f'--master_port={port}', TOOLS / 'train.py', config]
    done = subprocess.run(
        [sys.executable, *launch, *tool, '--launcher', 'pytorch', *words],
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='-1'),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def load(*names):
    return torch.load(Path(*names), weights_only=True)


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
    return run('train.py', toy / 'toy.py', '--work-dir', toy / 'one')


@pytest.fixture(scope='module')
def two_ranks(toy):
    dist_train(toy / 'toy.py', '--work-dir', toy / 'two')


@pytest.mark.slow
def test_two_ranks_train_as_one(toy, one_rank, two_ranks):
    labels = {}
    for epoch in range(1, 5):
        one, two = (load(toy, name, f'epoch_{epoch}.pth') for name in ('one', 'two'))
        labels[epoch] = one['identity_table']['identity']
        assert torch.equal(labels[epoch], two['identity_table']['identity'])
    assert not torch.equal(labels[1], labels[2])
    one_loss, two_loss = (read_scalars(toy / name)['loss'].y for name in ('one', 'two'))
    assert one_loss == pytest.approx(two_loss, rel=1e-4)
    for key, value in one['state_dict'].items():
        torch.testing.assert_close(
            value, two['state_dict'][key], rtol=1e-3, atol=3e-4, msg=key
        )


@pytest.mark.slow
def test_two_ranks_killed_and_resumed_are_unbroken(toy, two_ranks):
    resume = '--resume', toy / 'two' / 'epoch_2.pth'
    dist_train(toy / 'toy.py', '--work-dir', toy / 'killed', *resume)
    one, two = (load(toy, name, 'epoch_4.pth') for name in ('two', 'killed'))
    for part in ('state_dict', 'identity_table', 'optimizer'):
        ours, theirs = (tree_flatten(x[part])[0] for x in (one, two))
        assert len(ours) == len(theirs) > 0
        for a, b in zip(ours, theirs):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    unbroken, resumed = (read_scalars(toy / name) for name in ('two', 'killed'))
    for key in ('loss', 'average/mAP'):
        assert unbroken[key].y[-8:].tolist() == resumed[key].y.tolist()


@pytest.mark.slow
def test_resume_begins_with_the_weights_of_the_config(toy, one_rank):
    start = toy / 'one' / 'epoch_4.pth'
    text = run(
        'train.py',
        toy / 'toy.py',
        *('--work-dir', toy / 'requeued', '--resume', '--no-validate'),
        '--cfg-options',
        f'load_from={start}',
        'train_cfg.max_epochs=1',
        'optim_wrapper.optimizer.lr=0.0',
        'train_dataloader.batch_size=5',
    )
    before = load(start)['state_dict']
    after = load(toy, 'requeued', 'epoch_1.pth')['state_dict']
    key = 'encoder.backbone.conv1.weight'
    assert torch.equal(before[key], after[key])
    assert 'requeued has no checkpoint yet, so training begins' in text
    assert 'train_dataloader.batch_size=5 has no effect' in text


@pytest.mark.slow
def test_test_tool_repeats_the_last_evaluation(toy, one_rank):
    trained = read_scalars(toy / 'one')['strangers/mAP'].y[-1]
    words = toy / 'toy.py', toy / 'one' / 'epoch_4.pth', '--work-dir', toy / 'tested'
    files = toy / 'out' / 'metrics.json', toy / 'queries' / 'each.csv'
    run('test.py', *words, '--out', files[0], '--per-query', files[1])
    metrics = json.loads(files[0].read_text())
    assert metrics['strangers/mAP'] == pytest.approx(trained)
    with open(files[1], newline='') as file:
        precision = [float(row['AP']) for row in csv.DictReader(file)]
    assert len(precision) == 12
    assert sum(precision) / 12 == pytest.approx(trained)


@pytest.mark.slow
def test_mixed_precision_and_scaled_rate(toy):
    text = run(
        'train.py',
        toy / 'toy.py',
        *('--amp', '--auto-scale-lr', '--no-validate', '--work-dir', toy / 'amp'),
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
def test_real_recipe_says_what_data_is_missing(tmp_path, capsys):
    root = f'{tmp_path}/MSMT17'
    with pytest.raises(SystemExit, match='2'):
        run(
            'train.py',
            TOOLS.parent / 'configs' / 'dynamix_r50.py',
            *('--work-dir', tmp_path, '--cfg-options'),
            'model.backbone.init_cfg=None',
            f'train_dataloader.dataset.multi_camera.0.data_root={root}',
        )
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.search(rf'^train\.py: error: .*{re.escape(root)}.*docs/data\.md', error)
