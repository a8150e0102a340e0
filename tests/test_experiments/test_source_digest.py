from __future__ import annotations

import hashlib
from pathlib import Path

import dynamix
from dynamix.experiments import source_digest


def test_by_hand(tmp_path):
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models' / 'b.py').write_bytes(b'x = 1\n')
    (tmp_path / 'a.py').write_bytes(b'')
    text = b'a.py\n0\nmodels/b.py\n6\nx = 1\n'
    assert source_digest(tmp_path) == hashlib.sha256(text).hexdigest()[:10]


def test_changes_with_what_is_imported_only(tmp_path):
    file = tmp_path / 'a.py'
    file.write_text('x = 1')
    before = source_digest(tmp_path)
    (tmp_path / 'note.md').write_text('x')
    assert source_digest(tmp_path) == before
    file.write_text('x = 2')
    edited = source_digest(tmp_path)
    file.rename(tmp_path / 'b.py')
    assert len({before, edited, source_digest(tmp_path)}) == 3


def test_is_that_of_the_package_that_runs():
    (folder,) = dynamix.__path__
    assert source_digest() == source_digest(Path(folder))
