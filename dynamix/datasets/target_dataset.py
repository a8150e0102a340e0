from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from dynamix.registry import DATASETS

from .reid_dataset import ReIDDataset, Transform, build_reader


@DATASETS.register_module()
class TargetDataset(Dataset):
    """Several evaluation sets, one after the other, for one run over all of them.

    Which image belongs to which target, and what it is there, travels with the image;
    the metric sorts them out. Ours.

    Args:
        targets (Sequence[dict | ReIDDataset]): Evaluation sets: readers with
            ``split='test'``.
        pipeline (Sequence[dict | Callable]): Transforms of all targets.

    Raises:
        ValueError: If there is no target, or two have the same name.
    """

    def __init__(
        self,
        targets: Sequence[dict | ReIDDataset],
        pipeline: Sequence[Transform] = (),
    ) -> None:
        self.datasets = [
            build_reader(target, 'TargetDataset.targets') for target in targets
        ]
        names = [dataset.name for dataset in self.datasets]
        if not names:
            raise ValueError('TargetDataset needs at least one target in `targets`.')
        if len({*names}) < len(names):
            raise ValueError(
                f'the targets {names} must have different names: set `name` of those '
                'that are read by the same reader.'
            )
        self.pipeline = Compose(pipeline)
        self._fully_initialized = False

    def full_init(self) -> None:
        """Reads all targets; does nothing the second time.

        Raises:
            ValueError: If one is no evaluation set.
        """
        if self._fully_initialized:
            return
        for dataset in self.datasets:
            dataset.full_init()
            if dataset.query_splits is None:
                raise ValueError(
                    f'{dataset.name!r} is a training set: a target needs queries and '
                    "a gallery (`split='test'`)."
                )
        self._starts = np.cumsum([0, *(len(d.table) for d in self.datasets)])
        self._fully_initialized = True

    def camera_problems(self) -> list[str]:
        """Messages about targets that no metric aware of cameras can score."""
        self.full_init()
        return [
            f'target {dataset.name!r}, split {number}: none of its {found.queries} '
            'queries has a match under another camera, so nothing can be scored. Do '
            "names give the cameras (the group `camera` of the reader's `pattern`)? "
            'If cameras are not known or do not matter, set camera_aware=False of '
            'ReIDMetric.'
            for dataset in self.datasets
            for number, found in enumerate(dataset.split_checks)
            if found.without_match == found.queries
        ]

    @property
    def metainfo(self) -> dict[str, Any]:
        """Names of the targets, in order, and :meth:`camera_problems`.

        MMEngine hands it to the metrics before training begins.
        """
        return dict(
            targets=[dataset.name for dataset in self.datasets],
            camera_problems=self.camera_problems(),
        )

    def __len__(self) -> int:
        self.full_init()
        return int(self._starts[-1])

    def get_data_info(self, index: int) -> dict[str, Any]:
        """What the pipeline starts from; see :meth:`ReIDDataset.get_data_info`.

        Args:
            index (int): Row over all targets.
        """
        row = range(len(self))[index]
        target = int(np.searchsorted(self._starts, row, side='right')) - 1
        info = self.datasets[target].get_data_info(row - int(self._starts[target]))
        info['image_index'] = row
        return info

    def __getitem__(self, index: int) -> Any:
        return self.pipeline(self.get_data_info(index))
