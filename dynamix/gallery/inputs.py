"""What can be put into a gallery: crops, tracklets, features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from dynamix.datasets import ImageTableBuilder
from dynamix.datasets.camera_names import find_cameras
from dynamix.datasets.image_files import IMAGE_SUFFIXES, iter_images
from dynamix.datasets.tracklet_folder import LAST_NUMBER


class InputRules(NamedTuple):
    """How inputs become entries, and what is known of all of them.

    Args:
        tracklets (bool): One entry for each folder of crops, with the mean of their
            features; else one for each crop.
        camera (str | None): Of all entries. None: as paths name it; of tracklets, if
            they name none, the folder of their video.
        person (str | None): Of all entries.
        time (float | None): Of all entries, in seconds.
        fps (float | None): Frames a second, if file names end in the number of the
            frame: it is added to ``time``. A tracklet has the time of its first frame.
    """

    tracklets: bool = False
    camera: str | None = None
    person: str | None = None
    time: float | None = None
    fps: float | None = None


class GalleryInput(NamedTuple):
    """One entry to be, and its crops; ``features``: theirs, if they are known."""

    path: str
    camera: str | None
    time: float | None
    person: str | None
    crops: list[str]
    features: np.ndarray | None


def read_inputs(
    inputs: Sequence[str], rules: InputRules, model: str
) -> list[GalleryInput]:
    """Finds the entries that images, folders of them and ``.npz`` files of
    ``extract_features.py`` make, each path once.

    Raises:
        FileNotFoundError: If an input is not there.
        ValueError: If an input is none of these, another model made its features, or a
            name lacks what it should tell.
    """
    found: dict[str, GalleryInput] = {}
    for source in map(os.path.expanduser, inputs):
        features = None
        if source.endswith('.npz') and os.path.isfile(source):
            root, (names, features) = '', _read_features(source, model)
        else:
            root, names = _find_crops(source)
        groups: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            key = os.path.dirname(name) if rules.tracklets else name
            groups.setdefault(key, []).append(row)
        for rows in groups.values():
            entry = _entry(source, root, [names[row] for row in rows], rules)
            if features is not None:
                entry = entry._replace(features=features[rows])
            found.setdefault(entry.path, entry)
    return [*found.values()]


def crop_of(path: str) -> str:
    """The crop that shows an entry: its own, or the middle one of its tracklet."""
    if not os.path.isdir(path):
        return path
    names = list(iter_images(ImageTableBuilder(path), ''))
    return os.path.join(path, names[len(names) // 2])


def _find_crops(source: str) -> tuple[str, list[str]]:
    """Folder, and paths of crops relative to it."""
    if os.path.isdir(source):
        builder = ImageTableBuilder(source)
        names = list(iter_images(builder, ''))
        if not names:
            raise ValueError(f'{source} holds no image{builder.other_files()}.')
        return source, names
    if not os.path.isfile(source):
        raise FileNotFoundError(f'there is no file or folder {source}.')
    if not source.lower().endswith(IMAGE_SUFFIXES):
        raise ValueError(f'{source} is no image, no folder and no .npz file.')
    return os.path.dirname(source) or '.', [os.path.basename(source)]


def _read_features(source: str, model: str) -> tuple[list[str], np.ndarray]:
    """Paths and features of a file."""
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
    return paths.tolist(), features


def _entry(source: str, root: str, names: list[str], rules: InputRules) -> GalleryInput:
    name = names[0]
    crops = [os.path.join(os.path.abspath(root), n) if root else n for n in names]
    camera, time = rules.camera, rules.time
    if camera is None:
        camera = _camera(source, root, name, rules.tracklets)
    if rules.fps is not None:
        number = LAST_NUMBER.search(os.path.splitext(name)[0])
        if number is None:
            raise ValueError(f'{source}: {name} does not end in the number of a frame.')
        time = (time or 0) + int(number[1]) / rules.fps
    path = os.path.dirname(crops[0]) if rules.tracklets else crops[0]
    return GalleryInput(path, camera, time, rules.person, crops, None)


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
