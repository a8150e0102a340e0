from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.visualization import LocalVisBackend

from dynamix.visualization import Curve, draw_curves, read_scalars, select_curves


def write(path: Path, lines: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return path


def test_reads_what_mmengine_writes(tmp_path):
    backend = LocalVisBackend(str(tmp_path / 'run' / 'vis_data'))
    for step in (10, 20):
        backend.add_scalars(dict(loss=1 / step, epoch=step // 10), step=step)
    backend.add_scalar('relabel/f1', 0.5, step=15)
    curves = read_scalars(tmp_path)
    np.testing.assert_allclose(curves['loss'].x, [10, 20])
    np.testing.assert_allclose(curves['loss'].y, [0.1, 0.05])
    np.testing.assert_allclose(curves['relabel/f1'], [[15], [0.5]])
    by_epoch = read_scalars(tmp_path, x='epoch')
    np.testing.assert_allclose(by_epoch['loss'].x, [1, 2])
    assert 'relabel/f1' not in by_epoch


def test_text_flags_and_an_unfinished_last_line_are_passed_over(tmp_path):
    log = write(tmp_path / 'a.json', [dict(step=1, name='x', on=True, loss=2)])
    log.write_text(log.read_text() + '{"step": 2, "lo')
    curves = read_scalars(log)
    assert curves.keys() == {'loss'}
    assert len(curves['loss'].x) == 1
    log.write_text('nonsense\n' + log.read_text())
    with pytest.raises(ValueError, match='line 1 of'):
        read_scalars(log)


def test_a_resumed_run_that_only_evaluated_is_read_from_its_start(tmp_path):
    for number, steps in enumerate([(9,), (0, 2), (4,)]):  # 0: before training
        lines = [{'average/mAP': 1.0, 'step': step} for step in steps]
        if number == 1:
            lines.insert(1, dict(step=1, epoch=1, loss=1.0))
        write(tmp_path / f'2026010{number}_000000/vis_data/scalars.json', lines)
    np.testing.assert_array_equal(read_scalars(tmp_path)['average/mAP'].x, [0, 2, 4])


def test_a_resumed_run_is_read_from_its_start(tmp_path):
    iterations = 2  # of an epoch

    def log(day: int, steps: range, value: float) -> None:
        lines = [
            dict(step=s, epoch=1 + (s - 1) // iterations, loss=value) for s in steps
        ]
        write(tmp_path / f'2026010{day}_000000/vis_data/scalars.json', lines)

    log(1, range(1, 20), 9.0)  # an older run
    log(2, range(1, 6), 3.0)  # killed
    log(3, range(5, 6), 2.0)  # killed again
    log(4, range(5, 9), 1.0)  # resumed
    curve = read_scalars(tmp_path)['loss']
    np.testing.assert_array_equal(curve.x, range(1, 9))
    np.testing.assert_array_equal(curve.y, [3, 3, 3, 3, 1, 1, 1, 1])
    log(5, range(1, 3), 5.0)  # begun anew
    np.testing.assert_array_equal(read_scalars(tmp_path)['loss'].y, [5, 5])


def test_no_log_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read_scalars(tmp_path)


def test_patterns_choose_keys():
    curve = Curve(np.array([1.0]), np.array([2.0]))
    curves = {'relabel/f1': curve, 'relabel/ari': curve, 'loss': curve}
    assert list(select_curves(curves, ['loss', 'relabel/*'])) == [
        'loss',
        'relabel/f1',
        'relabel/ari',
    ]
    with pytest.raises(ValueError, match=r"no key 'lr'; it has: loss, relabel/ari"):
        select_curves(curves, ['lr'])


def test_draws_each_curve():
    x = np.arange(5.0)
    curves = {
        'rising': Curve(x, x / 4),
        'with a gap': Curve(x, np.array([1, 0.5, np.nan, 0.2, np.inf])),
    }
    (axes,) = draw_curves(curves, 'epoch', 'mAP').axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ('epoch', 'mAP')
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*curves]
    gap = [1, 0.5, np.nan, 0.2, np.nan]
    for line, y in zip(axes.lines, (x / 4, gap), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([x, y], axis=1))
