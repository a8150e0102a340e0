"""The feature bank on disk: a folder with the files of each rank."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from .feature_bank import FeatureBank
from .video_split import VideoSplit

BLOCK = 1 << 15


def save_bank(bank: FeatureBank, split: VideoSplit, folder: str | Path) -> None:
    """Writes the visited rows of this rank; every rank calls it for itself.

    Takes no memory to speak of. What was in files of the same name is lost.

    Args:
        bank (FeatureBank): The bank of this rank.
        split (VideoSplit): Which images are in it.
        folder (str | Path): Made if it does not exist.

    Raises:
        OSError: If it cannot be written; names it.
    """
    try:
        _write(bank, split, Path(folder))
    except OSError as error:
        raise OSError(
            f'{folder} cannot be written (is the disk full?): {error}'
        ) from error


def _write(bank: FeatureBank, split: VideoSplit, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    visited = np.flatnonzero(bank.visited)
    stem = f'rank_{split.rank}'
    np.save(folder / f'{stem}_rows.npy', split.rows[visited])
    np.save(folder / f'{stem}_iteration.npy', bank.iteration[visited])
    shape = (len(visited), bank.embedding.shape[1])
    with open(folder / f'{stem}_embedding.npy', 'wb') as file:
        head = dict(descr=bank.dtype.str, fortran_order=False, shape=shape)
        np.lib.format.write_array_header_2_0(file, head)
        for start in range(0, len(visited), BLOCK):
            block = bank.embedding[visited[start : start + BLOCK]]
            file.write(np.ascontiguousarray(block).data)


def load_bank(
    bank: FeatureBank, split: VideoSplit, folder: str | Path, count: int
) -> None:
    """Reads the rows of this rank, whichever ranks wrote them.

    Args:
        bank (FeatureBank): The bank of this rank; what it holds is forgotten.
        split (VideoSplit): Which images are in it.
        folder (str | Path): Where :func:`save_bank` wrote.
        count (int): Number of ranks that wrote.

    Raises:
        FileNotFoundError: If files are missing.
        ValueError: If they are of other embeddings or images, or cut off.
    """
    bank.clear()
    for rank in range(count):
        paths = [
            Path(folder) / f'rank_{rank}_{what}.npy'
            for what in ('rows', 'iteration', 'embedding')
        ]
        for path in paths:
            if not path.is_file():
                raise FileNotFoundError(
                    f'{path} is missing: the folder lies beside the checkpoint to '
                    'resume from, with files of each of the '
                    f'{count} ranks that saved it, and moves with it. To go on without '
                    'it, take the weights alone by `load_from`.'
                )
        rows, iteration = _read(paths[0]), _read(paths[1])
        if len(rows) == 0:
            continue
        embedding = _read(paths[2], mmap_mode='r')
        if embedding.shape != (len(rows), bank.embedding.shape[1]):
            raise ValueError(
                f'{paths[2]} has the shape {embedding.shape}, but {len(rows)} rows of '
                f'length {bank.embedding.shape[1]} are expected.'
            )
        if not 0 <= rows.min() <= rows.max() < split.num_images:
            raise ValueError(
                f'{paths[0]} names images {rows.min()}..{rows.max()}, but there are '
                f'{split.num_images}.'
            )
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            local = split.local(rows[part])
            here = np.flatnonzero(local >= 0)
            if len(here):
                bank.restore(local[here], embedding[part][here], iteration[part][here])


def _read(path: Path, mmap_mode: Literal['r'] | None = None) -> np.ndarray:
    try:
        return np.load(path, mmap_mode=mmap_mode)
    except (EOFError, ValueError) as error:
        raise ValueError(
            f'{path} cannot be read, so it was probably not written or copied to its '
            f'end: {error}. Resume from another checkpoint.'
        ) from error
