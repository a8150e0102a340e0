"""What can be put into a gallery: crops, tracklets, features."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from dynamix.datasets import ImageTableBuilder
from dynamix.datasets.camera_names import find_cameras, person_and_camera
from dynamix.datasets.image_files import IMAGE_SUFFIXES, iter_images
from dynamix.datasets.tracklet_folder import LAST_NUMBER

_BLOCK_CROPS = 2048


class InputRules(NamedTuple):
    """How inputs become entries, and what is known of all of them.

    Args:
        tracklets (bool): One entry for each folder of crops, with the mean of their
            features; else one for each crop.
        labelled (bool): Crops lie in the folder of a person below each input.
        camera (str | None): Of all entries. None: as paths name it; of tracklets, if
            they name none, the folder of their video.
        person (str | None): Of all entries.
        time (float | None): Of all entries, in seconds.
        fps (float | None): Frames a second, if file names end in the number of the
            frame: it is added to ``time``. A tracklet has the time of its first frame.
        root (str | None): Folder that the paths in ``.npz`` files are relative to.
    """

    tracklets: bool = False
    labelled: bool = False
    camera: str | None = None
    person: str | None = None
    time: float | None = None
    fps: float | None = None
    root: str | None = None


class GalleryInput(NamedTuple):
    """One entry to be.

    ``crops``: files to embed. ``features``: ``[n, D]``, if that was done before.
    """

    path: str
    camera: str | None
    time: float | None
    person: str | None
    crops: list[str]
    features: np.ndarray | None

    @property
    def size(self) -> int:
        """Number of crops or of features."""
        return len(self.crops if self.features is None else self.features)


def read_inputs(
    inputs: Sequence[str], rules: InputRules, model: str
) -> list[GalleryInput]:
    """Finds the entries that images, folders and ``.npz`` files make, each path once.

    Args:
        inputs (Sequence[str]): Images, folders of them, and files of
            ``extract_features.py``.
        rules (InputRules): See there.
        model (str): Fingerprint of the model that features must be of.

    Raises:
        FileNotFoundError: If an input is not there.
        ValueError: If an input is none of these, another model made its features, or a
            name lacks what it should tell.
    """
    found: dict[str, GalleryInput] = {}
    for source in inputs:
        root, names, features = _crops(os.path.expanduser(source), rules, model)
        groups: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            key = os.path.dirname(name) if rules.tracklets else name
            groups.setdefault(key, []).append(row)
        for rows in groups.values():
            entry = _entry(source, root, [names[row] for row in rows], rules)
            if features is not None:
                entry = entry._replace(features=features[rows], crops=[])
            found.setdefault(entry.path, entry)
    return [*found.values()]


def embed_inputs(
    inputs: Sequence[GalleryInput],
    embed: Callable[[Sequence[str]], np.ndarray],
) -> Iterator[tuple[Sequence[GalleryInput], np.ndarray]]:
    """Embeds entries to be, some thousand crops at a time.

    Args:
        inputs (Sequence[GalleryInput]): See :func:`read_inputs`.
        embed (Callable): Takes paths of crops, returns features, ``[n, D]``.

    Yields:
        tuple[Sequence[GalleryInput], np.ndarray]: Entries and their features,
        ``[N, D]``; NaN where those of all crops are.
    """
    begin = 0
    while begin < len(inputs):
        end, crops = begin, list[str]()
        while end < len(inputs) and (end == begin or len(crops) < _BLOCK_CROPS):
            crops += inputs[end].crops
            end += 1
        block = inputs[begin:end]
        embedded = embed(crops) if crops else None
        means, row = [], 0
        for entry in block:
            rows = entry.features
            if rows is None:
                assert embedded is not None
                rows = embedded[row : row + len(entry.crops)]
                row += len(entry.crops)
            readable = rows[~np.isnan(rows).any(axis=1)]
            unit = readable / np.linalg.norm(readable, axis=1, keepdims=True)
            means.append(unit.mean(axis=0) if len(unit) else rows[0])
        yield block, np.stack(means)
        begin = end


def crop_of(path: str) -> str:
    """The crop that shows an entry: its own, or the middle one of its tracklet."""
    if not os.path.isdir(path):
        return path
    names = list(iter_images(ImageTableBuilder(path), ''))
    return os.path.join(path, names[len(names) // 2])


def _crops(
    source: str, rules: InputRules, model: str
) -> tuple[str, list[str], np.ndarray | None]:
    """Folder, paths of crops relative to it, and features if they are known."""
    if os.path.isdir(source):
        builder = ImageTableBuilder(source)
        names = list(iter_images(builder, ''))
        if not names:
            raise ValueError(f'{source} holds no image{builder.other_files()}.')
        return source, names, None
    if not os.path.isfile(source):
        raise FileNotFoundError(f'there is no file or folder {source}.')
    if source.lower().endswith(IMAGE_SUFFIXES):
        return os.path.dirname(source) or '.', [os.path.basename(source)], None
    if not source.endswith('.npz'):
        raise ValueError(f'{source} is no image, no folder and no .npz file.')
    try:
        with np.load(source, allow_pickle=False) as file:
            features, paths = file['features'], file['paths']
            made_by = str(file['model']) if 'model' in file else model
    except (KeyError, ValueError, OSError, BadZipFile) as error:
        raise ValueError(
            f'{source} does not hold `features` and `paths`, as extract_features.py '
            f'writes them: {error}'
        ) from error
    if features.ndim != 2 or paths.shape != features.shape[:1]:
        raise ValueError(
            f'{source}: features must be [N, D] and paths [N], but they are '
            f'{list(features.shape)} and {list(paths.shape)}.'
        )
    if made_by != model:
        raise ValueError(f'{source} was made by model {made_by}, not by {model}.')
    return rules.root or '', paths.tolist(), features


def _entry(source: str, root: str, names: list[str], rules: InputRules) -> GalleryInput:
    name = names[0]
    crops = [os.path.join(os.path.abspath(root), n) if root else n for n in names]
    camera, person, time = rules.camera, rules.person, rules.time
    if rules.labelled:
        if '/' not in name:
            raise ValueError(f'{source}: {name} lies in no folder of a person.')
        who, found, _ = person_and_camera(source, name)
        person, camera = person or who, camera or found
    elif camera is None:
        camera = _camera(source, root, name, rules.tracklets)
    if rules.fps is not None:
        number = LAST_NUMBER.search(os.path.splitext(name)[0])
        if number is None:
            raise ValueError(f'{source}: {name} does not end in the number of a frame.')
        time = (time or 0) + int(number[1]) / rules.fps
    path = os.path.dirname(crops[0]) if rules.tracklets else crops[0]
    return GalleryInput(path, camera, time, person, crops, None)


def _camera(source: str, root: str, name: str, is_tracklet: bool) -> str | None:
    *_, parent, folder = ['', '', *(os.path.abspath(root) if root else '').split('/')]
    cameras = find_cameras(os.path.join(folder, name))
    if len(cameras) > 1:
        raise ValueError(
            f'{source}: the path {folder}/{name} names several cameras '
            f'({", ".join(cameras)}): say which by --camera.'
        )
    if cameras or not is_tracklet:
        return next(iter(cameras), None)
    whole = os.path.join(parent, folder, name)
    return os.path.dirname(os.path.dirname(name)) or whole.split('/')[-3] or None
