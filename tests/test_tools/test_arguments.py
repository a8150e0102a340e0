"""What the training and the test tool make of their words, before anything runs."""

import json
import os
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
    cfg, [note] = train_cfg(tool, config, '--resume')
    assert (cfg.resume, cfg.load_from) == (False, 'pretrained.pth')
    assert 'training begins' in note
    # The command line may say both where the run is and what it begins with.
    words = ('--cfg-options', f'work_dir={tmp_path / "other"}', 'load_from=b.pth')
    cfg, [note] = train_cfg(tool, config, '--resume', *words)
    assert (cfg.resume, cfg.load_from) == (False, 'b.pth')
    assert str(tmp_path / 'other') in note


def test_resume_after_the_first_checkpoint(tool, config, tmp_path):
    latest = tmp_path / 'run' / 'epoch_2.pth'
    latest.parent.mkdir()
    torch.save({}, latest)
    (latest.parent / 'last_checkpoint').write_text(str(latest))
    cfg, [note] = train_cfg(tool, config, '--resume')
    assert (cfg.resume, cfg.load_from) == (True, str(latest))
    assert f'goes on from {latest}' in note
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
    cfg, [note] = train_cfg(tool, config, '--launcher', 'pytorch')
    assert cfg.train_dataloader.batch_size == 8
    assert 'train_dataloader.batch_size=16 has no effect' in note


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('train_dataloder.num_workers=2', "no key 'train_dataloder'; "),
        ('data_root=3', "no key 'data_root'; "),
        (None, "No such file or directory: 'no.py'"),
    ],
)
def test_what_is_wrong_with_a_config_is_one_line(
    tool, config, name, word, message, capsys
):
    words = [config if word else 'no.py', *(['a.pth'] if name == 'test.py' else [])]
    with pytest.raises(SystemExit, match='2'):
        tool(name, *words, *(['--cfg-options', word] if word else [])).main()
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f'{name}: error: ')
    assert message in line


@pytest.mark.parametrize(('name', 'mode'), [('train.py', 'train'), ('test.py', 'test')])
def test_a_config_without_what_the_tool_needs_is_refused(
    tool, config, name, mode, capsys
):
    checkpoint = [] if name == 'train.py' else ['some.pth']
    option = ('--cfg-options', f'{mode}_dataloader=None')
    with pytest.raises(SystemExit, match='2'):
        tool(name, config, *checkpoint, *option).main()
    assert f'{mode}_dataloader=None' in capsys.readouterr().err


def test_an_evaluation_every_zero_epochs_is_refused(tool, config):
    with pytest.raises(ValueError, match=r'train_cfg\.val_interval` must be a whole'):
        train_cfg(tool, config, '--cfg-options', 'train_cfg.val_interval=0')


def test_a_file_that_can_hold_no_results_is_refused(tool, capsys):
    with pytest.raises(SystemExit):
        tool('test.py', 'a.py', 'a.pth', '--out', 'm.txt').parse_args()
    printed = ' '.join(capsys.readouterr().err.split())
    assert '--out m.txt: expected a file in .json, .yaml, .yml, .pkl' in printed


def test_results_of_queries_need_their_metric(tool, config, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        tool('test.py', 'a.py', 'a.pth', '--per-query', 'q.txt').parse_args()
    assert '--per-query q.txt: expected a file in .csv' in capsys.readouterr().err
    module = tool('test.py', config, 'a.pth', '--per-query', 'q.csv')
    runner = SimpleNamespace(test_evaluator=SimpleNamespace(metrics=[]))
    monkeypatch.setattr(module, 'run_among_ranks', lambda cfg, task: task(runner))
    with pytest.raises(ValueError, match=r'needs one ReIDMetric .* which has 0'):
        module.main()


@pytest.mark.parametrize('is_main', [True, False])
@pytest.mark.parametrize('name', ['m.json', 'm.pkl'])
def test_what_is_written(tool, config, tmp_path, monkeypatch, name, is_main):
    out = tmp_path / 'new' / name
    module = tool('test.py', config, 'a.pth', '--out', out)
    metrics = []
    runner = SimpleNamespace(
        test=lambda: {'strangers/mAP': 50.0},
        test_evaluator=SimpleNamespace(metrics=metrics),
    )
    monkeypatch.setattr(module, 'run_among_ranks', lambda cfg, task: task(runner))
    monkeypatch.setattr(module, 'is_main_process', lambda: is_main)
    module.main()
    if name == 'm.pkl':
        assert [metric.out_file_path for metric in metrics] == [str(out)]
    else:
        assert metrics == []
        assert out.exists() == is_main
    if out.exists():
        assert json.loads(out.read_text()) == {'strangers/mAP': 50.0}


@pytest.mark.parametrize('rank', [0, 1])
def test_one_rank_keeps_others_out(tool, config, tmp_path, monkeypatch, capsys, rank):
    work_dir = tmp_path / 'new'
    module = tool('train.py', config, '--work-dir', str(work_dir))
    ran = []
    monkeypatch.setattr(module, 'run_among_ranks', lambda *_: ran.append(1))
    monkeypatch.setattr(module, 'launched_rank', lambda launcher: (rank, 2))
    with work_dir_lock(work_dir):
        if rank == 0:
            with pytest.raises(SystemExit):
                module.main()
            assert 'another process is training in' in capsys.readouterr().err
        else:
            module.main()
    assert len(ran) == rank
    assert os.listdir(work_dir) == [LOCK]  # nothing is written before


def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_test(
    tool, config, tmp_path, capsys
):
    (tmp_path / 'file').touch()
    module = tool('test.py', config, 'a.pth', '--out', tmp_path / 'file' / 'm.json')
    with pytest.raises(SystemExit):
        module.main()
    assert '/file' in capsys.readouterr().err


def test_mixed_precision_is_found_without_a_default_scope(tool, config):
    cfg, _ = train_cfg(tool, config, '--amp')
    assert root.OPTIM_WRAPPERS.get(cfg.optim_wrapper.type) is BFloat16OptimWrapper
