"""tools/dataset_converters/cuhk03_to_folder.py"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from dynamix.datasets import CUHK03NP

from .conftest import TOOLS

TOOL = TOOLS / 'dataset_converters' / 'cuhk03_to_folder.py'
# two pairs of cameras; pair, person, camera of the pair, number, label, part
IMAGES = [
    ((1, 1, 1, 1), 7, 'train'),
    ((1, 1, 2, 6), 7, 'train'),
    ((2, 1, 1, 2), 9, 'query'),
    ((2, 1, 2, 7), 9, 'gallery'),
]


def run(*arguments: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def image_of(pair: int, number: int) -> np.ndarray:
    """RGB, not square, each colour another."""
    image = np.zeros((12, 6, 3), np.uint8)
    image[3:] = 10 * pair, 10 * number, 200
    return image


def publish(root: Path) -> None:
    """MATLAB 7.3 files are HDF5: axes reversed, cells are references."""
    h5py = pytest.importorskip('h5py')
    (root / 'cuhk03_release').mkdir(parents=True)
    with h5py.File(root / 'cuhk03_release' / 'cuhk-03.mat', 'w') as mat:
        empty = mat.create_dataset('#refs#/none', data=np.zeros(2, np.uint64))
        for box in ('labeled', 'detected'):
            pairs = mat.create_dataset(box, (1, 2), dtype=h5py.ref_dtype)
            for pair in (1, 2):
                cells = mat.create_dataset(
                    f'#refs#/{box}{pair}', (10, 1), dtype=h5py.ref_dtype
                )
                cells[:] = np.full((10, 1), empty.ref, dtype=h5py.ref_dtype)
                for (of, _, _, number), _, _ in IMAGES:
                    if of == pair:
                        data = image_of(pair, number).T
                        name = f'#refs#/{box}{pair}_{number}'
                        cells[number - 1, 0] = mat.create_dataset(name, data=data).ref
                pairs[0, pair - 1] = cells.ref
    names = ['{}_{:03d}_{}_{:02d}.png'.format(*key) for key, _, _ in IMAGES]
    for box in ('labeled', 'detected'):
        rows = {
            f'{part}_idx': [i for i, image in enumerate(IMAGES, 1) if image[2] == part]
            for part in ('train', 'query', 'gallery')
        }
        savemat(
            root / f'cuhk03_new_protocol_config_{box}.mat',
            dict(
                filelist=np.array(names, object)[:, None],
                labels=[[label] for _, label, _ in IMAGES],
                camId=[[key[2]] for key, _, _ in IMAGES],
                **rows,
            ),
        )


def test_writes_what_the_reader_reads(tmp_path: Path) -> None:
    publish(tmp_path / 'cuhk03')
    done = run(tmp_path / 'cuhk03', tmp_path / 'np')
    assert done.returncode == 0, done.stderr
    for box in ('labeled', 'detected'):
        train = CUHK03NP(str(tmp_path / 'np' / box))
        assert len(train) == 2
        test = CUHK03NP(str(tmp_path / 'np' / box), split='test')
        test.full_init()
        assert test.table.identity.tolist() == [9, 9]
        assert test.table.camera.tolist() == [1, 2]
        assert test.query_splits == [(0,), ()]
        image = cv2.imread(test.table.path(1))
        np.testing.assert_array_equal(image[..., ::-1], image_of(2, 7))


def test_says_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip('h5py')
    done = run(tmp_path, tmp_path / 'np')
    assert done.returncode == 2
    assert 'must hold cuhk-03.mat and cuhk03_new_protocol_config_' in done.stderr
    publish(tmp_path / 'cuhk03')
    (tmp_path / 'cuhk03/cuhk03_release/cuhk-03.mat').write_bytes(b'MATLAB 5.0')
    done = run(tmp_path, tmp_path / 'np')
    assert done.returncode == 2
    assert 'cuhk-03.mat or the protocol beside it cannot be used' in done.stderr
    assert 'Traceback' not in done.stderr
