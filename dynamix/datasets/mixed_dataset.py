from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from dynamix.registry import DATASETS
from dynamix.structures import IdentityTable, without_gaps

from .reid_dataset import ReIDDataset, Transform, build_reader
from .sample_key import SampleKey, seeded


@dataclass(frozen=True)
class SourceSpan:
    """What part of a mixed data set one source is.

    Attributes:
        name (str): Name of the source.
        kind (str): ``'multi_camera'`` or ``'single_camera'``.
        images (slice): Its rows.
        identities (slice): Its identities, before any relabeling.
        num_cameras (int): Its cameras; each video of single-camera data is one.
    """

    name: str
    kind: str
    images: slice
    identities: slice
    num_cameras: int


@DATASETS.register_module()
class MixedDataset(Dataset):
    """Several sources with one space of images, identities, cameras and videos.

    Multi-camera sources come first, each kind in the order given. Labels are read
    from :attr:`identity_table` in the main process; loader workers get images alone.
    DynaMix, data; the layout is ours.

    Args:
        multi_camera (Sequence[dict | ReIDDataset]): Sources labelled by people.
            Defaults to ``()``.
        single_camera (Sequence[dict | ReIDDataset]): Sources labelled by a tracker.
            Defaults to ``()``. At least one of the two is needed.
        pipeline (Sequence[dict | Callable]): Transforms of all sources.
        labels (str): What single-camera images are labelled by: ``'tracker'``, as
            their source says; ``'truth'``, the true person wherever seen;
            ``'truth_in_video'``, the true person, but another one in each video, as
            a tracker without errors would. The last two are ceilings to compare
            with; crops without a person then have no label. Defaults to ``'tracker'``.

    Attributes:
        identity_table (IdentityTable): Current labels of all images.
        camera (np.ndarray): ``[N]`` int32; unique over all sources. Each video of
            single-camera data is a camera of its own.
        video (np.ndarray): ``[N]`` int32; unique over all sources; -1: multi-camera.
        scene (np.ndarray): ``[N]`` int32; what sees the same people: each
            multi-camera source is a scene, and each video.
        frame (np.ndarray): ``[N]`` int32; see :class:`ImageTable`.
        truth (np.ndarray | None): ``[N]`` int32 true identities, unique over all
            sources, -1: unknown; None when no single-camera source knows them. For
            scoring only.
        sources (list[SourceSpan]): In the order of their rows.

    Raises:
        ValueError: If no source is given, one of the wrong kind, or ``labels`` is
            unknown.
    """

    LABELS = ('tracker', 'truth', 'truth_in_video')
    identity_table: IdentityTable
    camera: np.ndarray
    video: np.ndarray
    scene: np.ndarray
    frame: np.ndarray
    truth: np.ndarray | None
    sources: list[SourceSpan]

    def __init__(
        self,
        multi_camera: Sequence[dict | ReIDDataset] = (),
        single_camera: Sequence[dict | ReIDDataset] = (),
        pipeline: Sequence[Transform] = (),
        labels: str = 'tracker',
    ) -> None:
        if labels not in self.LABELS:
            raise ValueError(
                f'MixedDataset.labels must be one of {self.LABELS}, but got {labels!r}.'
            )
        self.labels = labels
        self.datasets: list[ReIDDataset] = []
        for kind, given in (
            ('multi_camera', multi_camera),
            ('single_camera', single_camera),
        ):
            for source in given or ():
                dataset = build_reader(source, f'MixedDataset.{kind}')
                if dataset.kind != kind:
                    raise ValueError(
                        f'{dataset.name!r} is {dataset.kind} data, but the config '
                        f'lists it under `{kind}` of MixedDataset.'
                    )
                self.datasets.append(dataset)
        if not self.datasets:
            raise ValueError(
                'MixedDataset needs at least one source under `multi_camera` or '
                '`single_camera`, but both are empty.'
            )
        self.pipeline = Compose(pipeline)
        self._fully_initialized = False

    def full_init(self) -> None:
        """Reads all sources and joins them; does nothing the second time.

        Raises:
            ValueError: If a source is an evaluation set, or the truth is asked for
                and a single-camera source does not know it.
        """
        if self._fully_initialized:
            return
        for dataset in self.datasets:
            dataset.full_init()
            if dataset.query_splits is not None:
                raise ValueError(
                    f'{dataset.name!r} is an evaluation set (it has queries and a '
                    "gallery): take its training split, or `split='all'`."
                )
        self._starts = np.cumsum([0, *(len(d.table) for d in self.datasets)])
        self._join()
        self._fully_initialized = True
        for span in self.sources:
            print_log(
                f'{span.kind} source {span.name}: '
                f'{span.images.stop - span.images.start} images, '
                f'{span.identities.stop - span.identities.start} identities, '
                f'{span.num_cameras} cameras.',
                logger='current',
            )

    def _join(self) -> None:
        size = int(self._starts[-1])
        identity = np.empty(size, np.int32)
        self.camera = np.empty(size, np.int32)
        self.video = np.full(size, -1, np.int32)
        self.scene = np.empty(size, np.int32)
        self.frame = np.empty(size, np.int32)
        truth = np.full(size, -1, np.int32)
        self.sources = []
        identities = cameras = videos = scenes = people = 0
        multi_camera_images = multi_camera_identities = 0
        knows_truth = False
        for dataset, start in zip(self.datasets, self._starts.tolist()):
            table, known = dataset.table, dataset.truth
            rows = slice(start, start + len(table))
            is_multi = dataset.kind == 'multi_camera'
            labels = self._labels_of(dataset)
            camera = without_gaps(table.camera if is_multi else table.video)
            num_identities, num_cameras = _size(labels), _size(camera)
            _shift(labels, identities, out=identity[rows])
            _shift(camera, cameras, out=self.camera[rows])
            self.frame[rows] = table.frame
            if is_multi:
                self.scene[rows] = scenes
                scenes += 1
                multi_camera_images = rows.stop
                multi_camera_identities = identities + num_identities
                known = table.identity if known is None else known
            else:
                _shift(camera, videos, out=self.video[rows])
                _shift(camera, scenes, out=self.scene[rows])
                videos += num_cameras
                scenes += num_cameras
                knows_truth |= known is not None
            if known is not None:
                _shift(known, people, out=truth[rows])
                people += _size(known)
            self.sources.append(
                SourceSpan(
                    dataset.name,
                    dataset.kind,
                    rows,
                    slice(identities, identities + num_identities),
                    num_cameras,
                )
            )
            identities += num_identities
            cameras += num_cameras
        self.truth = truth if knows_truth else None
        self.identity_table = IdentityTable(
            identity, multi_camera_images, multi_camera_identities
        )

    def _labels_of(self, dataset: ReIDDataset) -> np.ndarray:
        """``[n]`` labels of a source, ``0..`` without gaps; -1: none."""
        table = dataset.table
        if dataset.kind == 'multi_camera' or self.labels == 'tracker':
            return without_gaps(table.identity)
        if dataset.truth is None:
            raise ValueError(
                f'MixedDataset.labels is {self.labels!r}, but {dataset.name!r} does '
                'not know the truth.'
            )
        person = dataset.truth.astype(np.int64)
        if self.labels == 'truth_in_video':
            own = table.video.astype(np.int64) * (person.max(initial=0) + 1) + person
            person = np.where(person < 0, -1, own)
        return without_gaps(person)

    @property
    def metainfo(self) -> dict[str, Any]:
        """Names of the sources."""
        return dict(dataset_name='+'.join(dataset.name for dataset in self.datasets))

    def __len__(self) -> int:
        self.full_init()
        return int(self._starts[-1])

    def get_data_info(self, index: int) -> dict[str, Any]:
        """What the pipeline starts from; see :meth:`ReIDDataset.get_data_info`.

        Args:
            index (int): Row in the mixed data set.
        """
        row = range(len(self))[index]
        source = int(np.searchsorted(self._starts, row, side='right')) - 1
        info = self.datasets[source].get_data_info(row - int(self._starts[source]))
        info['image_index'] = row
        return info

    def __getitem__(self, key: int | SampleKey) -> Any:
        """One image through the pipeline.

        Args:
            key (int | SampleKey): With a :class:`SampleKey` the augmentation depends
                on its seed alone, whichever worker or rank runs it.
        """
        if isinstance(key, SampleKey):
            with seeded(key.seed):
                return self.pipeline(self.get_data_info(key.index))
        return self.pipeline(self.get_data_info(key))

    def __getstate__(self) -> dict[str, Any]:
        """What a loader worker needs: paths of images, but no labels."""
        self.full_init()
        labels = ('identity_table', 'camera', 'video', 'scene', 'frame', 'truth')
        state = {key: v for key, v in self.__dict__.items() if key not in labels}
        state['datasets'] = [_without_truth(dataset) for dataset in self.datasets]
        return state


def _without_truth(dataset: ReIDDataset) -> ReIDDataset:
    same = copy(dataset)
    same.truth = None
    return same


def _size(column: np.ndarray) -> int:
    return int(column.max(initial=-1)) + 1


def _shift(column: np.ndarray, by: int, out: np.ndarray) -> None:
    np.add(column, by, out=out, dtype=np.int32, where=column >= 0)
    out[column < 0] = -1
