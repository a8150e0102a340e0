"""What the project's configs say about data."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from dynamix.datasets.samplers import Composition

CONFIGS = Path(__file__).parents[2] / 'configs'
RECIPES = sorted(
    file for folder in ('.', 'protocols') for file in CONFIGS.glob(f'{folder}/*.py')
)


@pytest.mark.parametrize('file', RECIPES, ids=lambda file: file.stem)
def test_each_part_of_a_batch_has_data(file: Path) -> None:
    loader = Config.fromfile(file).train_dataloader
    sampler, dataset = loader.sampler, loader.dataset
    kinds = ('multi_camera', 'single_camera')
    Composition(*(sampler[kind] for kind in kinds)).check_sources(
        {kind: len(dataset[kind]) for kind in kinds}
    )


@pytest.mark.parametrize(
    ('name', 'skips'),
    [
        ('dynamix_r50', True),
        ('dynamix_r50-ibn', True),
        ('dynamix_vit-b', True),
        ('dynamix_vit-s-ics', True),
        ('dynamix_swin-b', True),
        ('dynamix_osnet-x0-25', True),
        ('dynamix_r18_real-crops', False),
        ('dynamix_r18_synthetic', False),
    ],
)
def test_broken_crops_end_no_run_of_the_real_recipe(name: str, skips: bool) -> None:
    cfg = Config.fromfile(CONFIGS / f'{name}.py')

    def loads(pipeline: list) -> list[bool]:
        return [
            step.get('skip_unreadable', False)
            for step in pipeline
            if step.type == 'LoadReIDImage'
        ]

    assert loads(cfg.train_dataloader.dataset.pipeline) == [skips]
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert loads(loader.dataset.pipeline) == [False], 'evaluation is strict'
    assert cfg.train_pipeline == cfg.train_dataloader.dataset.pipeline
