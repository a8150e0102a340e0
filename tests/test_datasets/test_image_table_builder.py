from __future__ import annotations

import os
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets import ImageTable, ImageTableBuilder


@settings(max_examples=30, deadline=None)
@given(paths=st.lists(st.text('ab/é', max_size=5), max_size=12), seed=st.integers(0, 9))
def test_is_the_table_of_the_same_columns_in_any_order(paths, seed) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 100, (4, len(paths)))
    order = rng.permutation(len(paths))
    builder = ImageTableBuilder('/r')
    for path, row in zip(paths, columns.T.tolist()):
        builder.add(path, *row)
    table = builder.build(order=order)
    expected = ImageTable.from_columns(
        *columns[:, order], paths=[paths[i] for i in order], root='/r'
    )
    for name in ('identity', 'camera', 'video', 'frame', 'ends', 'paths'):
        assert table.arrays[name].dtype == expected.arrays[name].dtype
        assert (table.arrays[name] == expected.arrays[name]).all(), name


def test_knows_whether_what_it_read_has_changed(tmp_path) -> None:
    (tmp_path / 'a').mkdir()
    (tmp_path / 'list.txt').write_text('x')
    long_ago = time.time() - 100
    for path in ('a', 'list.txt', ''):
        os.utime(tmp_path / path, (long_ago, long_ago))

    def build() -> ImageTable:
        builder = ImageTableBuilder(str(tmp_path))
        for path in ('a', 'list.txt'):
            builder.watch(path)
        return builder.build()

    table = build()
    assert table.is_current()
    (tmp_path / 'a' / 'new.jpg').write_text('x')
    assert not table.is_current()
    assert not build().is_current(), 'changed just now: it may change again'
    os.utime(tmp_path / 'a', (long_ago, long_ago))
    assert build().is_current()
    (tmp_path / 'list.txt').unlink()
    assert not table.is_current()
