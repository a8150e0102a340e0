"""What docs/components.md shows runs as it stands there, but for sizes and paths."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from tests.test_relabeling.conftest import make_tracks
from tests.toy import make_crops, toy_cfg, train

FORCE = 'register_module(force=True)'
DOC = Path(__file__).parents[1] / 'docs' / 'components.md'
EMBEDDER, CONFIG, HEAD, READERS, MODEL, RELABELER, REPAIR = re.findall(
    r'```python\n(.*?)```', DOC.read_text(), flags=re.DOTALL
)


@pytest.fixture
def crops(tmp_path, monkeypatch):
    """A folder with data, the config, and the modules of the examples beside it."""
    make_crops(tmp_path)
    for name, code in (
        ('embedder', EMBEDDER),
        ('heads', HEAD),
        ('readers', READERS),
        ('models', MODEL),
        ('relabelers', RELABELER),
    ):
        (tmp_path / f'{name}.py').write_text(code.replace('register_module()', FORCE))
        monkeypatch.delitem(sys.modules, name, raising=False)
    small = CONFIG.replace("'crops'", repr(str(tmp_path / 'labelled')))
    small = small.replace('(128, 256)', '(16, 32)').replace('=32', '=8')
    (tmp_path / 'config.py').write_text(small.replace('num_workers=2', 'num_workers=0'))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv('DYNAMIX_CACHE', str(tmp_path / 'cache'))
    return tmp_path


def read(folder: Path, name: str) -> Config:
    cfg = Config.fromfile(folder / 'config.py')
    cfg.merge_from_dict(dict(work_dir=str(folder / 'work'), experiment_name=name))
    return cfg


@pytest.mark.parametrize('kind', ['Runner', 'FlexibleRunner'])
def test_a_classifier_is_scored(crops, kind):
    cfg = read(crops, f'components_{kind}')
    if kind == 'FlexibleRunner':
        cfg.runner_type = kind
    runner = RUNNERS.build(cfg) if kind == 'FlexibleRunner' else Runner.from_cfg(cfg)
    runner.train()
    scores = runner.message_hub.log_scalars
    # random weights, but the colours of the two people differ
    assert scores['val/labelled_folder/mAP'].current() > 60
    labels = [
        int(runner.train_dataloader.dataset[i]['data_samples'].gt_label)
        for i in range(36)
    ]
    assert labels == [person for person in range(6) for _ in range(6)]


def test_losses_and_memory_in_a_head(crops):
    cfg = read(crops, 'components_head')
    import_module('heads')
    cfg.model.head = dict(type='CentroidHead', in_channels=512, num_people=6)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert {'train/loss_instance', 'train/loss_centroid'} <= {
        *runner.message_hub.log_scalars
    }
    assert runner.model.head.memory.valid.all()


def test_readers(crops):
    import_module('readers')
    root = crops / 'videos'
    rows = [
        f'{image.relative_to(root)},{video},{1000 * video + tracklet},{int(image.stem)}'
        for video in range(3)
        for tracklet in range(8)
        for image in sorted((root / f'v{video}' / f't{tracklet}').iterdir())
    ]
    (root / 'list.csv').write_text('\n'.join(rows))
    cfg = toy_cfg(crops, crops / 'work', 'components_readers')
    expected = train(cfg).train_dataloader.dataset
    cfg.experiment_name = 'components_own_readers'
    dataset = cfg.train_dataloader.dataset
    dataset.multi_camera[0].type = 'Shop'
    dataset.single_camera = [dict(type='TrackerList', data_root=str(root))]
    found = train(cfg).train_dataloader.dataset
    assert np.array_equal(
        found.identity_table.original, expected.identity_table.original
    )
    for column in ('camera', 'video', 'scene'):
        assert np.array_equal(getattr(found, column), getattr(expected, column))
    assert found.get_data_info(40)['img_path'] == expected.get_data_info(40)['img_path']


def test_own_model_and_relabeler(crops):
    for name in ('models', 'relabelers'):
        import_module(name)
    cfg = toy_cfg(crops, crops / 'work', 'components_own_model')
    parts = ('backbone', 'neck', 'head', 'data_preprocessor')
    cfg.model = dict(type='OneEncoder', **{k: cfg.model[k] for k in parts})
    # all tracklets of a video are joined
    cfg.custom_hooks[0].relabeler = dict(type='FixedCosine', cosine=-2)
    dataset = train(cfg).train_dataloader.dataset
    single = dataset.identity_table.single_camera
    identity, video = dataset.identity_table.identity[single], dataset.video[single]
    assert len({*zip(identity, video)}) == len({*identity}) == len({*video}) == 3


def test_relabeling_of_arrays():
    example: dict = {}
    exec(REPAIR, example)
    tracks = make_tracks(videos=2)
    label = example['repair'](*tracks.columns)
    assert len({*zip(label, tracks.person)}) == len({*label}) == 16
