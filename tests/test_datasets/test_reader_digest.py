from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest
from torch.utils.data import Dataset

from dynamix import datasets
from dynamix.datasets import ReIDDataset, reader_digest
from dynamix.datasets.image_table import ImageTable

BASE = 'class Base:\n    FOLDER = "train"\n'
READER = 'from base_of_user import Base\n\nclass Reader(Base):\n    pass\n'


@pytest.fixture
def digest(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    names = ('base_of_user', 'user_of_base')

    def of(base=BASE, reader=READER, left_out=False):
        for name, source in zip(names, (base, reader)):
            (tmp_path / f'{name}.py').write_text(source)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        kind = importlib.import_module(names[1]).Reader
        return reader_digest.reader_digest(kind, kind.__base__ if left_out else object)

    yield of
    for name in names:
        sys.modules.pop(name, None)


def test_what_changes_the_files_changes_the_digest(digest):
    first = digest()
    assert len(first) == 20
    assert digest() == first
    assert digest(reader=READER.replace('pass', 'FOLDER = "gallery"')) != first
    assert digest(base=BASE.replace('train', 'gallery')) != first
    assert digest(left_out=True) != first
    changed = digest(base=BASE.replace('train', 'gallery'), left_out=True)
    assert changed == digest(left_out=True)


def test_all_processes_agree():
    command = (
        'from dynamix.datasets import Market1501, reader_digest;'
        'print(reader_digest.reader_digest(Market1501))'
    )
    printed = subprocess.run(
        [sys.executable, '-c', command],
        env=dict(os.environ, PYTHONHASHSEED='1'),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[-1]
    assert printed == reader_digest.reader_digest(datasets.Market1501)


def test_readers_of_the_library_have_files():
    kinds = [getattr(datasets, name) for name in datasets.__all__]
    readers = [k for k in kinds if isinstance(k, type) and issubclass(k, ReIDDataset)]
    assert len(readers) > 14
    assert all(reader_digest.reader_digest(kind, base=Dataset) for kind in readers)


def test_a_reader_without_a_file_is_built_each_time(tmp_path):
    class Typed(ReIDDataset):
        """As in a notebook."""

        built = 0

        def build_table(self):
            Typed.built += 1
            return ImageTable.from_columns([0, 0, 1, 1], camera=[0, 1, 0, 1])

    Typed.__module__ = 'nowhere'
    assert reader_digest.reader_digest(Typed) is None
    for _ in range(2):
        assert len(Typed(cache_dir=str(tmp_path))) == 4
    assert Typed.built == 2
    assert not list(tmp_path.iterdir())
