"""The benchmark for a GPU, rehearsed at a small size on a CPU."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / 'benchmarks' / 'gpu.py'


@pytest.fixture(scope='module')
def gpu() -> Iterator[ModuleType]:
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location('gpu_benchmark', SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.mark.slow
def test_training_is_measured(gpu):
    part, _ = gpu.PARTS['r50']
    rows = dict(part(True))
    step = rows['step on a batch at hand, with hooks']
    encoders = rows['encoder both ways and momentum forward']
    assert float(step.split()[0]) > 0
    ratio = float(rows['step / (encoder both ways and momentum forward)'].split()[0])
    assert ratio == pytest.approx(
        float(step.split()[0]) / float(encoders.split()[0]), rel=0.01
    )
    assert float(rows['images/s with the loader']) > 0
    assert 's to embed' in rows['a window']


@pytest.mark.parametrize(('name', 'count'), [('centroid loss', 12), ('ranking', 2)])
def test_other_parts_run(gpu, name, count):
    part, _ = gpu.PARTS[name]
    assert len(part(True)) == count


@pytest.mark.slow
def test_a_part_that_fails_or_hangs_leaves_its_error_in_the_table(
    gpu, tmp_path, monkeypatch
):
    broken = tmp_path / 'broken.py'
    broken.write_text(
        'import sys, time\n'
        'if "hangs" in sys.argv:\n'
        '    time.sleep(60)\n'
        'raise RuntimeError("no such kernel")\n'
    )
    monkeypatch.setattr(gpu, '__file__', str(broken))
    monkeypatch.setattr(gpu, 'PARTS', dict(fails=(None, 60), hangs=(None, 3)))
    monkeypatch.setattr(gpu, 'device', lambda: 'cuda')
    monkeypatch.setattr(gpu, 'header', lambda: '')
    out = tmp_path / 'table.md'
    gpu.main(['--out', str(out)])
    lines = out.read_text().splitlines()
    assert '| fails | FAILED | 1: RuntimeError: no such kernel |' in lines
    assert '| hangs | FAILED | no end after 3 s:  |' in lines


def test_no_table_is_written_without_a_gpu(gpu, monkeypatch):
    monkeypatch.setattr(gpu, 'device', lambda: 'cpu')
    with pytest.raises(SystemExit, match='--rehearsal'):
        gpu.main([])
