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
KINDS = ('multi_camera', 'single_camera')


@pytest.mark.parametrize('file', RECIPES, ids=lambda file: file.stem)
def test_batches_have_data_and_broken_crops_end_no_large_run(file: Path) -> None:
    cfg = Config.fromfile(file)
    sampler, dataset = cfg.train_dataloader.sampler, cfg.train_dataloader.dataset
    Composition(*(sampler[kind] for kind in KINDS)).check_sources(
        {kind: len(dataset[kind]) for kind in KINDS}
    )
    types = {source.type for kind in KINDS for source in dataset[kind]}
    is_large = not types.isdisjoint({'MSMT17', 'LUPersonNL'})
    assert cfg.train_pipeline == dataset.pipeline
    loaders = [(cfg.train_dataloader, is_large), (cfg.val_dataloader, False)]
    for loader, skips in [*loaders, (cfg.test_dataloader, False)]:
        loads = [s for s in loader.dataset.pipeline if s.type == 'LoadReIDImage']
        assert [step.get('skip_unreadable', False) for step in loads] == [skips]
