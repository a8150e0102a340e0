"""What the training and the test tool make of their words, before anything runs."""

import errno
import json
import logging
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine import registry as root
from mmengine.config import Config

from dynamix.engine import BFloat16OptimWrapper
from dynamix.engine.work_dir_lock import LOCK, work_dir_lock
from tests.toy import toy_cfg

from .conftest import load_tool


@pytest.fixture
def tool(monkeypatch):
    def load(name, *words):
        module = load_tool(name)
        monkeypatch.setattr('sys.argv', [name, *map(str, words)])
        monkeypatch.setenv('LOCAL_RANK', '0')
        return module

    return load


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp('written')
    cfg = toy_cfg(root, Path('WORK_DIR'), 'arguments')
    cfg.load_from = 'pretrained.pth'
    cfg.dump(root / 'toy.py')
    return (root / 'toy.py').read_text()


@pytest.fixture
def config(written, tmp_path):
    (tmp_path / 'toy.py').write_text(written.replace('WORK_DIR', f'{tmp_path}/run'))
    return tmp_path / 'toy.py'


def train_cfg(tool, *words):
    module = tool('train.py', *words)
    return module.make_cfg(module.parse_args())


def test_resume_before_the_first_checkpoint(tool, config, tmp_path):
    cfg, [(level, note)] = train_cfg(tool, config, '--resume')
    assert (cfg.resume, cfg.load_from) == (False, 'pretrained.pth')
    assert level == logging.INFO
    assert 'begins with the weights of load_from=pretrained.pth' in note
    # The command line may say both where the run is and what it begins with.
    words = ('--cfg-options', f'work_dir={tmp_path / "other"}', 'load_from=b.pth')
    cfg, [(_, note)] = train_cfg(tool, config, '--resume', *words)
    assert (cfg.resume, cfg.load_from) == (False, 'b.pth')
    assert str(tmp_path / 'other') in note


def test_resume_after_the_first_checkpoint(tool, config, tmp_path):
    latest = tmp_path / 'run' / 'epoch_2.pth'
    latest.parent.mkdir()
    torch.save({}, latest)
    (latest.parent / 'last_checkpoint').write_text(str(latest))
    cfg, [(_, note)] = train_cfg(tool, config, '--resume')
    assert (cfg.resume, cfg.load_from) == (True, str(latest))
    assert f'goes on from {latest}, the latest' in note
    cfg, _ = train_cfg(tool, config, '--cfg-options', 'resume=True', 'load_from=None')
    assert (cfg.resume, cfg.load_from) == (True, str(latest))
    with pytest.raises(ValueError, match=r'run has epoch_2\.pth, .* overwrite'):
        train_cfg(tool, config)
    cfg, notes = train_cfg(tool, config, '--work-dir', str(tmp_path / 'new'))
    assert (cfg.get('resume', False), cfg.load_from) == (False, 'pretrained.pth')
    assert notes == []


def test_a_written_config_runs_on_another_number_of_ranks(tool, config, monkeypatch):
    assert Config.fromfile(config).train_dataloader.batch_size == 16
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '1')
    cfg, [(level, note)] = train_cfg(tool, config, '--launcher', 'pytorch')
    assert cfg.train_dataloader.batch_size == 8
    assert level == logging.WARNING
    assert 'train_dataloader.batch_size=16 has no effect' in note


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_an_option_that_nobody_reads_is_refused(tool, config, name):
    checkpoint = [] if name == 'train.py' else ['some.pth']
    option = ('--cfg-options', 'train_dataloder.num_workers=2')
    module = tool(name, config, *checkpoint, *option)
    with pytest.raises(ValueError, match="nearest is 'train_dataloader'"):
        module.make_cfg(module.parse_args())


@pytest.mark.parametrize(('name', 'mode'), [('train.py', 'train'), ('test.py', 'test')])
def test_a_config_without_what_the_tool_needs_is_refused(tool, config, name, mode):
    checkpoint = [] if name == 'train.py' else ['some.pth']
    option = ('--cfg-options', f'{mode}_dataloader=None')
    module = tool(name, config, *checkpoint, *option)
    with pytest.raises(ValueError, match=rf'toy\.py has no {mode}_dataloader, which'):
        module.make_cfg(module.parse_args())


@pytest.mark.parametrize(
    ('words', 'item'),
    [
        ([], None),
        (['--out', 'm.json'], 'metrics'),
        (['--out', 'm.yaml'], 'metrics'),
        (['--out', 'm.pkl'], 'pred'),
        (['--out', 'm.pkl', '--out-item', 'metrics'], 'metrics'),
    ],
)
def test_what_goes_into_a_file(tool, words, item):
    assert tool('test.py', 'a.py', 'a.pth', *words).parse_args().out_item == item


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--out', 'm.txt'], "--out m.txt: expected .* in .json, .* but found '.txt'"),
        (['--out', 'm.txt', '--out-item', 'metrics'], 'for --out-item metrics'),
        (['--out', 'm.json', '--out-item', 'pred'], 'ends in .pkl, .pickle for'),
        (['--out-item', 'pred'], '--out-item pred needs --out'),
    ],
)
def test_a_file_that_cannot_hold_it_is_refused(tool, capsys, words, message):
    with pytest.raises(SystemExit):
        tool('test.py', 'a.py', 'a.pth', *words).parse_args()
    printed = ' '.join(capsys.readouterr().err.split())
    assert re.search(message, printed), printed


@pytest.mark.parametrize('is_main', [True, False])
def test_one_rank_writes_the_metrics(tool, config, tmp_path, monkeypatch, is_main):
    out = tmp_path / 'new' / 'm.json'
    module = tool('test.py', config, 'a.pth', '--out', out)
    runner = SimpleNamespace(test=lambda: {'strangers/mAP': 50.0})
    monkeypatch.setattr(module, 'run_among_ranks', lambda cfg, task: task(runner))
    monkeypatch.setattr(module, 'is_main_process', lambda: is_main)
    module.main()
    assert out.exists() == is_main
    if is_main:
        assert json.loads(out.read_text()) == {'strangers/mAP': 50.0}


@pytest.mark.parametrize('rank', [0, 1])
def test_one_rank_keeps_others_out(tool, config, tmp_path, monkeypatch, rank):
    work_dir = tmp_path / 'new'
    module = tool('train.py', config, '--work-dir', str(work_dir))
    ran = []
    monkeypatch.setattr(module, 'run_among_ranks', lambda *_: ran.append(1))
    monkeypatch.setattr(module, 'launched_rank', lambda launcher: (rank, 2))
    with work_dir_lock(work_dir):
        if rank == 0:
            with pytest.raises(RuntimeError, match='another process is training in'):
                module.main()
        else:
            module.main()
    assert len(ran) == rank
    assert os.listdir(work_dir) == [LOCK]  # nothing is written before


@pytest.mark.parametrize('name', ['m.json', 'm.pkl'])
def test_results_are_written_whole(tool, config, tmp_path, monkeypatch, name):
    module = tool('test.py', config, 'a.pth', '--out', tmp_path / 'out' / name)
    metrics = []

    def test():
        for metric in metrics:
            metric.compute_metrics([dict(feature=1)])
        return {'strangers/mAP': 50.0}

    runner = SimpleNamespace(test=test, test_evaluator=SimpleNamespace(metrics=metrics))
    monkeypatch.setattr(module, 'run_among_ranks', lambda cfg, task: task(runner))

    def full(content, file):
        file.write_text('part')
        raise OSError(errno.ENOSPC, 'No space left on device')

    dump = module.mmengine.dump
    monkeypatch.setattr(module.mmengine, 'dump', full)
    with pytest.raises(OSError, match=rf'out/{name} cannot be written: .*No space'):
        module.main()
    assert os.listdir(tmp_path / 'out') == []
    monkeypatch.setattr(module.mmengine, 'dump', dump)
    metrics.clear()
    module.main()
    assert os.listdir(tmp_path / 'out') == [name]


def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_test(
    tool, config, tmp_path
):
    (tmp_path / 'file').touch()
    module = tool('test.py', config, 'a.pth', '--out', tmp_path / 'file' / 'm.json')
    with pytest.raises(OSError, match=r'exists: .*/file'):
        module.main()


def test_an_evaluation_every_zero_epochs_is_refused(tool, config):
    with pytest.raises(ValueError, match=r'train_cfg\.val_interval` must be a whole'):
        train_cfg(tool, config, '--cfg-options', 'train_cfg.val_interval=0')


def test_mixed_precision_is_found_without_a_default_scope(tool, config):
    cfg, _ = train_cfg(tool, config, '--amp')
    assert root.OPTIM_WRAPPERS.get(cfg.optim_wrapper.type) is BFloat16OptimWrapper
