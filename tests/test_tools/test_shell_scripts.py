"""The shell scripts, with something in place of srun and python that echoes."""

import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'
VARIABLES = (
    'GPUS',
    'GPUS_PER_NODE',
    'CPUS_PER_TASK',
    'SRUN_ARGS',
    'NNODES',
    'NODE_RANK',
    'MASTER_ADDR',
    'PORT',
)


@pytest.fixture
def run(tmp_path):
    for name in ('srun', 'python'):
        file = tmp_path / name
        file.write_text('#!/bin/sh\necho "$@"\n')
        file.chmod(0o755)

    def run(script, *words, **variables):
        inherited = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        path = f'{tmp_path}:{os.environ["PATH"]}'
        return subprocess.run(
            ['bash', TOOLS / script, *words],
            env={**inherited, 'PATH': path, **variables},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.parametrize(
    ('variables', 'ranks', 'per_node'),
    [
        ({}, 8, 8),
        (dict(GPUS='4'), 4, 4),
        (dict(GPUS='16'), 16, 8),
        (dict(GPUS='4', GPUS_PER_NODE='2'), 4, 2),
    ],
)
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_slurm_is_asked_for_no_more_than_the_gpus(
    run, tool, variables, ranks, per_node
):
    words = ['part', 'job', 'c.py', 'c.pth'][: 3 if tool == 'train' else 4]
    done = run(f'slurm_{tool}.sh', *words, '--amp', **variables)
    asked = f'--gres=gpu:{per_node} --ntasks={ranks} --ntasks-per-node={per_node} '
    assert asked in done.stdout
    assert done.stdout.endswith(f'{" ".join(words[2:])} --launcher slurm --amp\n')


@pytest.mark.parametrize('tool', ['train', 'test'])
def test_several_machines_must_be_told_apart(run, tool):
    words = ['c.py', 'c.pth', '2'] if tool == 'test' else ['c.py', '2']
    done = run(f'dist_{tool}.sh', *words)
    assert '--nnodes=1 --node_rank=0 --master_addr=127.0.0.1' in done.stdout
    for given, missing in (
        (dict(NNODES='2', MASTER_ADDR='a'), 'NODE_RANK'),
        (dict(NNODES='2', NODE_RANK='1'), 'MASTER_ADDR'),
    ):
        done = run(f'dist_{tool}.sh', *words, **given)
        assert done.returncode != 0
        assert f'{missing}: is not set: with NNODES=2' in done.stderr
    done = run(
        f'dist_{tool}.sh', *words, NNODES='2', NODE_RANK='1', MASTER_ADDR='a', PORT='5'
    )
    address = '--nnodes=2 --node_rank=1 --master_addr=a --master_port=5 '
    assert f'{address}--nproc_per_node=2' in done.stdout


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh']
)
def test_too_few_words_give_the_usage(run, script):
    done = run(script, 'word')
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f'# usage: bash tools/{script} ')
    assert all(line.startswith('# ') for line in lines[1:])
