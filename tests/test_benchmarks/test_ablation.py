"""Runner, table and configs of benchmarks/ablation."""

from __future__ import annotations

import fcntl
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from scipy import stats

from benchmarks.ablation.readers import Market1501Part, TrackedVideo

FOLDER = Path(__file__).parents[2] / 'benchmarks' / 'ablation'
BEDS = sorted(f.stem[4:] for f in FOLDER.glob('configs/_base_/bed_*.py'))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f'ab_{name}', FOLDER / f'{name}.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = load('table')


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load('run')
    monkeypatch.setattr(module, 'TRAIN', Path(__file__).parent / 'fake_train.py')
    return module


def starts(folder: Path) -> list[str]:
    return sorted((folder / 'starts').read_text().splitlines())


def test_cells_are_trained_once_and_failures_stop_no_others(run, tmp_path, capsys):
    cells = [run.Cell('sparse', row, s) for s in (0, 3) for row in ('truth', 'raw')]
    (tmp_path / 'sparse/raw/seed0').mkdir(parents=True)
    (tmp_path / 'sparse/raw/seed0/stale').touch()
    failed = run.run_cells(cells, tmp_path, jobs=2)
    assert failed == [cell for cell in cells if cell.row == 'truth']
    assert 'ValueError: no such key' in capsys.readouterr().out
    assert not (tmp_path / 'sparse/raw/seed0/stale').exists()
    result = json.loads((tmp_path / 'sparse/raw/seed3.json').read_text())
    assert (result['bed'], result['row'], result['seed']) == ('sparse', 'raw', 3)
    assert result['scores']['average/mAP'] == [[8, 1.0], [24, 33.0]]
    assert set(result['scores']) == {'average/mAP', 'average/Rank-1', 'far/mAP'}
    assert result['label_f1']['f1'] == [[0, 0.5], [5, 0.5]]
    assert len(result['commit'].split('-')[0]) == 40

    run.run_cells(cells, tmp_path, jobs=2)
    trained = ['sparse raw 0', 'sparse raw 3']
    failing = ['sparse truth 0', 'sparse truth 3']
    assert starts(tmp_path) == sorted(trained + 2 * failing)


def test_a_cell_that_another_process_trains_is_left_alone(run, tmp_path):
    lock = tmp_path / 'sparse/raw/seed0.lock'
    lock.parent.mkdir(parents=True)
    with open(lock, 'a') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert 'another process' in run.run_cell(run.Cell('sparse', 'raw', 0), tmp_path)
    assert not (tmp_path / 'starts').exists()
    run.run_cell(run.Cell('sparse', 'raw', 0), tmp_path)
    assert starts(tmp_path) == ['sparse raw 0']


def result(row: str, seed: int, mean_ap: float, f1: list[float]) -> dict:
    return dict(
        **dict(bed='sparse', row=row, seed=seed, commit='abc', seconds=60.0),
        scores={
            'average/mAP': [[8, 1.0], [24, mean_ap]],
            'average/Rank-1': [[8, 1.0], [24, mean_ap + 9]],
            'far/mAP': [[24, mean_ap - 20]],
            'far/Rank-1': [[24, mean_ap - 10]],
        },
        label_f1=dict(f1=list(enumerate(f1)), f1_tracker=[[0, 0.1]]) if f1 else {},
    )


def test_the_table_compares_rows_over_common_seeds(tmp_path):
    raw, ours = [30.6, 33.6, 31.0, 32.5], [34.5, 33.2, 35.0]
    made = [result('raw', seed, value, []) for seed, value in enumerate(raw)]
    made += [result('ours', s, v, [0.4, 0.6, 0.8]) for s, v in enumerate(ours)]
    for one in made:
        file = tmp_path / f'{one["bed"]}/{one["row"]}/seed{one["seed"]}.json'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(one))
    rows = table.read_results(tmp_path)['sparse']
    lines = table.table(rows, ['raw']).splitlines()
    cells = {line.split(' | ')[0][2:]: line.split(' | ') for line in lines}
    p = stats.ttest_rel(ours, raw[:3]).pvalue
    gap = sum(ours) / 3 - sum(raw[:3]) / 3
    assert f'{gap:+.1f}' in cells['ours'][5]
    assert f'p = {p:.3f} (n = 3)' in cells['ours'][5]
    # the second half of three windows: the last two
    assert cells['ours'][1:3] == ['34.2 ± 0.9', '43.2 ± 0.9']
    assert cells['ours'][3:5] == ['0.600 ± 0.000', '0.700 ± 0.000']
    assert cells['raw'][3:6] == ['-', '-', '']
    assert lines[-1] == 'Commits (runs): abc (7).'
    far = table.table(rows, ['raw'], 'far').splitlines()
    assert [row[:35] for row in far if row.startswith('| ours')] == [
        '| ours | 14.2 ± 0.9 | 24.2 ± 0.9 | '
    ]
    with pytest.raises(FileNotFoundError):
        table.read_results(tmp_path / 'nothing')


@pytest.mark.parametrize('bed', BEDS)
def test_rows_load_on_each_bed(bed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DYNAMIX_BED', bed)
    rows = ['dynamix', 'multi-camera-only']
    if bed == 'sparse':
        rows = [file.stem for file in FOLDER.glob('configs/*.py')]
    for file in (FOLDER / f'configs/{row}.py' for row in rows):
        cfg = Config.fromfile(file)
        sampler, dataset = cfg.train_dataloader.sampler, cfg.train_dataloader.dataset
        has_videos = bool(dataset.single_camera)
        assert (sampler.single_camera is not None) == has_videos, file
        hooks = [hook.type for hook in cfg.custom_hooks]
        uses_windows = has_videos and 'window' in sampler.single_camera
        assert hooks.count('RelabelHook') == uses_windows, file


def test_the_windows_of_the_sparse_bed_cover_its_videos_once(monkeypatch):
    monkeypatch.setenv('DYNAMIX_BED', 'sparse')
    cfg = Config.fromfile(FOLDER / 'configs/dynamix.py')
    window = cfg.train_dataloader.sampler.single_camera.window
    videos = cfg.train_dataloader.dataset.single_camera[0].num_videos
    assert window * cfg.train_cfg.max_epochs == videos == 360
    assert cfg.param_scheduler[1].end == cfg.train_cfg.max_epochs


def test_a_tracked_video_gives_the_crops_of_its_boxes_and_their_truth(tmp_path):
    video = cv2.VideoWriter(
        str(tmp_path / 'a.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 25, (64, 48)
    )
    for number in range(3):
        image = np.zeros((48, 64, 3), np.uint8)
        image[8:40, 16:32] = 80 * number + 40
        video.write(image)
    video.release()
    boxes = ['2,1,16.2,7.8,16,32.3,5', '0,1,15.9,8,16,32,-1', '1,0,-4,0,12,20,3']
    header = 'frame,track,x,y,width,height,person'
    (tmp_path / 'boxes.csv').write_text('\n'.join([header, *boxes]))
    data = TrackedVideo(str(tmp_path), 'a.avi', 'boxes.csv')
    data.full_init()
    assert data.table.identity.tolist() == [0, 1, 1]
    assert data.table.frame.tolist() == [1, 0, 2]
    assert data.truth.tolist() == [3, -1, 5]
    crops = [data.get_data_info(row)['img'] for row in range(3)]
    assert [crop.shape for crop in crops] == [(20, 8, 3), (32, 16, 3), (32, 16, 3)]
    assert [round(crop.mean() / 10) for crop in crops[1:]] == [4, 20]


def test_the_parts_of_market_share_no_person(tmp_path):
    folder = tmp_path / 'bounding_box_train'
    folder.mkdir()
    for person in (1, 3, 4, 7, 8):
        for camera in (1, 2):
            (folder / f'{person:04d}_c{camera}s1_000151_00.jpg').touch()
    parts = [
        Market1501Part(str(tmp_path), held_out, cache_dir=str(tmp_path / 'cache'))
        for held_out in (False, True)
    ]
    numbers = []
    for part in parts:
        part.full_init()
        paths = (Path(part.table.path(row)).name for row in range(len(part)))
        numbers.append({int(path[:4]) for path in paths})
    assert numbers == [{1, 3, 7}, {4, 8}]
    assert parts[0].query_splits is None
    assert [parts[1].split_checks[0].queries, len(parts[1])] == [4, 4]
