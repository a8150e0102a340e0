"""The script of docs/data.md that writes LUPerson-NL's LMDB file out as images."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dynamix.datasets import LUPersonNL

DOCS = Path(__file__).parents[2] / 'docs' / 'data.md'
KEYS = (
    '00001_000012_0000345_00',
    '00001_000012_0000345_01',
    '00001_000012_0000346_00',
    '00001_000013_0000345_02',
    '00002_000012_0000345_00',
)


class Opened:
    """As much of an LMDB environment as the script needs, and its transaction."""

    def __init__(self, file: str, **_: Any) -> None:
        assert file == 'lupnl_lmdb/lmdb'

    def begin(self) -> Opened:
        return self

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def cursor(self) -> list[tuple[bytes, memoryview]]:
        return [(key.encode(), memoryview(key.encode())) for key in KEYS]


def test_all_detections_are_kept_and_read(tmp_path, monkeypatch) -> None:
    scripts = re.findall(r'```python\n(.*?)```', DOCS.read_text(), re.DOTALL)
    (script,) = (text for text in scripts if 'import lmdb' in text)
    monkeypatch.setitem(sys.modules, 'lmdb', SimpleNamespace(open=Opened))
    monkeypatch.setattr(sys, 'argv', ['extract.py', 'lupnl_lmdb/lmdb', str(tmp_path)])
    exec(script, {})

    dataset = LUPersonNL(str(tmp_path))
    assert len(dataset) == len(KEYS)
    contents = [Path(dataset.table.path(i)).read_text() for i in range(len(KEYS))]
    assert contents == list(KEYS)
    assert dataset.table.identity.tolist() == [0, 0, 0, 1, 2]
    assert dataset.table.video.tolist() == [0, 0, 0, 0, 1]
    assert dataset.table.frame.tolist() == [345, 345, 346, 345, 345]
