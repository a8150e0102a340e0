from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger

from tests.toy import make_crops

TEST_DATA = Path(
    os.environ.get(
        'DYNAMIX_TEST_DATA', Path(__file__).parents[1].parent / 'shared' / 'data'
    )
)


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Path:
    """Keeps the tests' tables out of the user's cache."""
    folder = tmp_path_factory.mktemp('cache')
    monkeypatch.setenv('DYNAMIX_CACHE', str(folder))
    return folder


@pytest.fixture(scope='module')
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of the toy's people; see :func:`tests.toy.make_crops`."""
    root = tmp_path_factory.mktemp('crops')
    make_crops(root)
    return root


@pytest.fixture
def real_data() -> Path:
    """The optional folder of small real data."""
    if not TEST_DATA.is_dir():
        pytest.skip(f'{TEST_DATA} is not there')
    return TEST_DATA


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is written to MMEngine's current logger during a test."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def settle(root: Path) -> None:
    """Makes everything below a folder look as if it had been written long ago."""
    then = 1_700_000_000
    for path in [root, *root.rglob('*')]:
        os.utime(path, (then, then))


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[[Iterable[str]], Path]:
    """Writes images of a few pixels under the names given, below one folder."""
    pixels = np.random.default_rng(0).integers(0, 255, (16, 8, 3), dtype=np.uint8)
    coded = {s: cv2.imencode(s, pixels)[1].tobytes() for s in ('.jpg', '.png', '.bmp')}

    def make(names: Iterable[str]) -> Path:
        root = tmp_path / 'data'
        root.mkdir(exist_ok=True)
        for name in names:
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(coded.get(file.suffix, coded['.jpg']))
        settle(root)
        return root

    return make
