"""The rows of the project's ablation, configs/ablation."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamix.datasets.samplers import Composition
from dynamix.experiments import Cell, fingerprint, read_tables, resolve, row_title

ROWS = Path(__file__).parents[2] / 'configs' / 'ablation'


@pytest.mark.parametrize(
    ('bed', 'scale'),
    [
        ('synthetic', 'cpu'),
        ('synthetic-clean', 'gpu'),
        ('synthetic-noisy', 'gpu-vit'),
        ('real-crops', 'cpu'),
        ('real-crops-pretrained', 'cpu'),
    ],
)
def test_rows_are_comparable_and_different(bed, scale):
    tables = read_tables(ROWS)
    named = {row for table in tables.values() for row in table.rows}
    assert named == {file.stem for file in ROWS.glob('*.py')} - {'tables', 'pretrain'}
    settings = {}
    for row in named:
        cfg = resolve(Cell(ROWS / f'{row}.py', row, bed, scale, 0))
        settings[row] = fingerprint(cfg)
        # The last epoch is evaluated, and all rows see as many images a step.
        assert cfg.train_cfg.max_epochs % cfg.train_cfg.val_interval == 0
        part = cfg.train_dataloader.sampler
        assert Composition(part.multi_camera, part.single_camera).batch_size == 64
    assert settings['no_camera-centroid'] == settings['centroids_memory']
    drawn = 'real-crops' not in bed
    assert (settings['sampling_2x8'] == settings['dynamix']) == drawn
    equal = 1 + drawn + (scale == 'cpu')
    assert len(set(settings.values())) == len(named) - equal
    titles = [row_title(ROWS / f'{row}.py') for row in named]
    assert len(set(titles)) == len(titles)
