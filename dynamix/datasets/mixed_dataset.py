from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.logging import print_log

from dynamix.registry import DATASETS
from dynamix.structures import IdentityTable, without_gaps

from .joined_readers import JoinedReaders
from .reid_dataset import ReIDDataset, Transform
from .sample_key import SampleKey, seeded


@dataclass(frozen=True)
class SourceSpan:
    """What part of a mixed data set one source is.

    Attributes:
        name (str): Name of the source.
        kind (str): ``'multi_camera'`` or ``'single_camera'``.
        images (slice): Its rows.
        identities (slice): Its identities, before any relabeling.
    """

    name: str
    kind: str
    images: slice
    identities: slice


@DATASETS.register_module()
class MixedDataset(JoinedReaders):
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
            unknown; in :meth:`full_init` if a source is an evaluation set, or the
            truth is asked for and a single-camera source does not know it.
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
        given = [('multi_camera', source) for source in multi_camera or ()]
        given += [('single_camera', source) for source in single_camera or ()]
        if not given:
            raise ValueError(
                'MixedDataset needs at least one source under `multi_camera` or '
                '`single_camera`, but both are empty.'
            )
        super().__init__(given, pipeline)
        for (kind, _), dataset in zip(given, self.datasets):
            if dataset.kind != kind:
                raise ValueError(
                    f'{dataset.name!r} is {dataset.kind} data, but the config '
                    f'lists it under `{kind}` of MixedDataset.'
                )

    def join(self) -> None:
        parts: dict[str, list[np.ndarray]] = defaultdict(list)
        used: dict[str, int] = defaultdict(int)
        self.sources = []
        for dataset, start in zip(self.datasets, self._starts.tolist()):
            if dataset.query_splits is not None:
                raise ValueError(
                    f'{dataset.name!r} is an evaluation set (it has queries and a '
                    "gallery): take its training split, or `split='all'`."
                )
            table, truth = dataset.table, dataset.truth
            none = np.full(len(table), -1, np.int32)
            if dataset.kind == 'multi_camera':
                camera, video = without_gaps(table.camera), none
                scene = np.zeros_like(none)
                truth = table.identity if truth is None else truth
            else:
                camera = video = scene = without_gaps(table.video)
            own = dict(
                identity=self._labels_of(dataset),
                camera=camera,
                video=video,
                scene=scene,
                truth=none if truth is None else truth,
            )
            first = used.copy()
            for name, numbers in own.items():
                column = numbers.astype(np.int32)
                column[column >= 0] += used[name]
                parts[name].append(column)
                used[name] = max(used[name], int(column.max(initial=-1)) + 1)
            span = SourceSpan(
                dataset.name,
                dataset.kind,
                slice(start, start + len(table)),
                slice(first['identity'], used['identity']),
            )
            self.sources.append(span)
            print_log(
                f'{span.kind} source {span.name}: {len(table)} images, '
                f'{used["identity"] - first["identity"]} identities, '
                f'{used["camera"] - first["camera"]} cameras.',
                logger='current',
            )
        columns = {name: np.concatenate(column) for name, column in parts.items()}
        self.camera, self.video = columns['camera'], columns['video']
        self.scene = columns['scene']
        self.frame = np.concatenate([dataset.table.frame for dataset in self.datasets])
        knows_truth = any(
            dataset.kind == 'single_camera' and dataset.truth is not None
            for dataset in self.datasets
        )
        self.truth = columns['truth'] if knows_truth else None
        multi = [span for span in self.sources if span.kind == 'multi_camera']
        self.identity_table = IdentityTable(
            columns['identity'],
            multi[-1].images.stop if multi else 0,
            multi[-1].identities.stop if multi else 0,
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
