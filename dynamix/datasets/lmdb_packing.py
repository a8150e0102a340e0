"""Packing the images of data sets into an LMDB, which readers take as `data_root`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from mmengine import fileio
from mmengine.utils import ProgressBar

from .image_files import iter_images
from .image_table import ImageTable
from .image_table_builder import ImageTableBuilder
from .lmdb_images import PREFIX, close_lmdb, image_root, is_lmdb

MAP_SIZE = 1 << 42  # of addresses: the file grows as it is filled
COMMIT_IMAGES = 500
LIST_SUFFIXES = ('.csv', '.json', '.parquet', '.pq', '.txt')


def folder_table(folder: str) -> ImageTable:
    """Names of all images below a folder, and the list files in it as watched files.

    Raises:
        ValueError: If there is no image.
    """
    builder = ImageTableBuilder(image_root(folder))
    for name in iter_images(builder, ''):
        builder.add(name, 0)
    if not len(builder):
        raise ValueError(f'{folder} holds no image{builder.other_files()}.')
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.lower().endswith(LIST_SUFFIXES):
            builder.watch(name)
    return builder.build()


def pack_lmdb(tables: Sequence[ImageTable], out: str | Path) -> int:
    """Writes images into an LMDB, byte for byte, and compares each with its file.

    Keys are the paths relative to the root. List files below the root that the tables
    were read from are copied beside. All is written to ``<out>.unfinished``, which is
    renamed at the end; what an interrupted call has written is not written again. An
    LMDB that is there already is added to. Shows a progress bar.

    Args:
        tables (Sequence[ImageTable]): Images, all of one root.
        out (str | Path): Folder of the LMDB.

    Returns:
        int: How many images were written now.

    Raises:
        ImportError: If lmdb is not installed.
        FileNotFoundError: If an image is missing.
        ValueError: If roots differ, a path cannot be a key, or ``out`` is something
            else.
        OSError: If it cannot be written.
        RuntimeError: If an image in it is not what its file holds.
    """
    try:
        import lmdb
    except ImportError as error:
        raise ImportError('packing needs lmdb: pip install -e ".[lmdb]"') from error
    roots = {table.root for table in tables}
    if len(roots) > 1:
        raise ValueError(
            f'an LMDB takes data of one data_root, but got {", ".join(sorted(roots))}.'
        )
    out = Path(out).absolute()
    beside = out.with_name(f'{out.name}.unfinished')
    if out.exists():
        if beside.exists():
            raise ValueError(f'both {out} and {beside} are there: delete one of them.')
        if out.is_file() or not is_lmdb(str(out)):
            raise ValueError(f'{out} is there and is no folder of an LMDB.')
        close_lmdb(str(out))
        out.rename(beside)
    beside.mkdir(parents=True, exist_ok=True)
    bar = ProgressBar(2 * sum(map(len, tables)))
    written = 0
    different = []
    try:
        with lmdb.open(str(beside), map_size=MAP_SIZE) as environment:
            for portion in _portions(tables, environment.max_key_size()):
                with environment.begin(write=True, buffers=True) as transaction:
                    for key, path in portion:
                        if transaction.get(key) is None:
                            transaction.put(key, fileio.get(path))
                            written += 1
                bar.update(len(portion))
            for portion in _portions(tables, environment.max_key_size()):
                with environment.begin(buffers=True) as transaction:
                    different += [
                        path
                        for key, path in portion
                        if transaction.get(key) != fileio.get(path)
                    ]
                bar.update(len(portion))
    except lmdb.Error as error:
        raise OSError(f'{beside} cannot be written: {error}') from error
    if different:
        raise RuntimeError(
            f'{len(different)} images in {beside} are not what their files hold, the '
            f'first is {different[0]}: has it changed? Delete {beside.name} and pack '
            'again.'
        )
    for table in tables:
        _copy_lists(table, beside)
    beside.rename(out)
    return written


def _portions(
    tables: Sequence[ImageTable], longest: int
) -> Iterator[list[tuple[bytes, str]]]:
    """Keys and paths of the images, as many at a time as are written at once."""
    images = _images(tables, longest)
    return iter(lambda: [*islice(images, COMMIT_IMAGES)], [])


def _images(tables: Sequence[ImageTable], longest: int) -> Iterator[tuple[bytes, str]]:
    """Key and path of each image."""
    for table in tables:
        for row in range(len(table)):
            name = table.name(row)
            key = os.fsencode(name)
            if os.path.isabs(name) or '..' in name.split('/') or len(key) > longest:
                raise ValueError(
                    f'the path {name!r} cannot be a key: it must lie in {table.root} '
                    f'and have at most {longest} bytes.'
                )
            yield key, table.path(row)


def _copy_lists(table: ImageTable, target: Path) -> None:
    root = table.root.removeprefix(PREFIX)
    watched = table.arrays.get('watched', np.empty(0, np.uint8))
    for name in os.fsdecode(watched.tobytes()).split('\0'):
        source = os.path.join(root, name)
        inside = not os.path.isabs(name) and '..' not in name.split('/')
        if inside and os.path.isfile(source):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
