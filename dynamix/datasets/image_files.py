"""Finding image files, in the order a person would put them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from .image_table_builder import ImageTableBuilder
from .lmdb_images import PREFIX, data_file, list_keys

# What OpenCV or Pillow decode.
IMAGE_SUFFIXES = (
    *('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.dib', '.webp', '.tif'),
    *('.tiff', '.gif', '.avif', '.jp2', '.j2k', '.j2c', '.jpc', '.jpf', '.jpx'),
    *('.ppm', '.pgm', '.pbm', '.pnm', '.ras', '.tga', '.pcx', '.qoi'),
)
# Folders that network drives and archives make: thumbnails, snapshots, deleted files.
NOT_DATA = (
    *('@eadir', '@recycle', '@recently-snapshot', '@tmp', '#recycle', '#snapshot'),
    *('$recycle.bin', '__macosx', 'lost+found'),
)
PREPARATION = 'docs/data.md says how to prepare the data'

_DIGITS = re.compile(r'(\d+)')
_ANY_DIGIT = str.maketrans('123456789', '0' * 9)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorting key that compares the numbers in a name as numbers.

    Examples:
        >>> sorted(['f10', 'f9', 'f09b'], key=natural_key)
        ['f9', 'f09b', 'f10']
    """
    return [
        (int(part), '') if i % 2 else (-1, part)
        for i, part in enumerate(_DIGITS.split(name))
    ]


def iter_images(
    builder: ImageTableBuilder, folder: str, below: str = ''
) -> Iterator[str]:
    """Names of all images in a folder and in those below it, in natural order.

    Linked folders are followed, unless they lead back up. Hidden entries and folders
    that network drives make (thumbnails, what was deleted) are passed over; files
    that are no images by their suffix are counted. Every folder is watched. In an LMDB
    keys are paths, and those without a suffix are images.

    Args:
        builder (ImageTableBuilder): Knows the root; watches and counts.
        folder (str): Relative to the root; ``''`` for the root itself.
        below (str): Where to begin, relative to ``folder``. Defaults to ``''``.

    Yields:
        str: Path relative to ``folder``, with forward slashes.
    """
    entries = _of_lmdb if builder.root.startswith(PREFIX) else _of_folder
    folders: list[str] = []
    files = bytearray()
    shapes: set[str] = set()
    for name, is_folder in entries(builder, os.path.join(folder, below)):
        suffix = os.path.splitext(name)[1].lower()
        if name.startswith('.'):
            continue
        if is_folder:
            if name.lower() not in NOT_DATA:
                folders.append(name)
        elif suffix in IMAGE_SUFFIXES or (entries is _of_lmdb and not suffix):
            # one folder of an LMDB may hold millions of images
            files += os.fsencode(name) + b'\0'
            if len(shapes) < 2:
                shapes.add(name.translate(_ANY_DIGIT))
        else:
            builder.other_suffixes[suffix] += 1
    names = _split(files)
    if entries is _of_folder or len(shapes) > 1:
        names = iter(_in_natural_order([*names]))
    for name in names:
        yield below + name
    for name in _in_natural_order(folders):
        yield from iter_images(builder, folder, f'{below}{name}/')


def _of_folder(builder: ImageTableBuilder, here: str) -> Iterator[tuple[str, bool]]:
    """Each name in a folder, and whether it is a folder."""
    builder.watch(here)
    with os.scandir(os.path.join(builder.root, here)) as entries:
        for entry in entries:
            is_folder = entry.is_dir()
            if not (is_folder and _leads_back(entry)):
                yield entry.name, is_folder


def _of_lmdb(builder: ImageTableBuilder, here: str) -> Iterator[tuple[str, bool]]:
    """The same of an LMDB, in the order of bytes: that of numbers of one width."""
    builder.watch(data_file(builder.root))
    return list_keys(builder.root, here)


def _split(names: bytearray) -> Iterator[str]:
    start = 0
    while start < len(names):
        end = names.index(0, start)
        yield os.fsdecode(bytes(names[start:end]))
        start = end + 1


def _leads_back(entry: os.DirEntry) -> bool:
    """Whether a link leads to a folder that it is in."""
    if not entry.is_symlink():
        return False
    here, target = (
        os.path.realpath(path) for path in (os.path.dirname(entry.path), entry.path)
    )
    return os.path.commonpath([here, target]) == target


def _in_natural_order(names: list[str]) -> list[str]:
    if len({name.translate(_ANY_DIGIT) for name in names}) <= 1:
        return sorted(names)  # numbers of one width: the usual case, and faster
    return sorted(names, key=lambda name: (natural_key(name), name))
