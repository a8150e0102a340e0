from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dynamix.registry import DATASETS

from .joined_readers import JoinedReaders
from .reid_dataset import ReIDDataset, Transform


@DATASETS.register_module()
class TargetDataset(JoinedReaders):
    """Several evaluation sets, one after the other, for one run over all of them.

    Which image belongs to which target, and what it is there, travels with the image;
    the metric sorts them out. Ours.

    Args:
        targets (Sequence[dict | ReIDDataset]): Evaluation sets: readers with
            ``split='test'``.
        pipeline (Sequence[dict | Callable]): Transforms of all targets.

    Raises:
        ValueError: If there is no target, two have the same name, or (in
            :meth:`full_init`) one is no evaluation set.
    """

    def __init__(
        self,
        targets: Sequence[dict | ReIDDataset],
        pipeline: Sequence[Transform] = (),
    ) -> None:
        super().__init__([('targets', target) for target in targets], pipeline)
        names = [dataset.name for dataset in self.datasets]
        if not names:
            raise ValueError('TargetDataset needs at least one target in `targets`.')
        if len({*names}) < len(names):
            raise ValueError(
                f'the targets {names} must have different names: set `name` of those '
                'that are read by the same reader.'
            )

    def join(self) -> None:
        for dataset in self.datasets:
            if dataset.query_splits is None:
                raise ValueError(
                    f'{dataset.name!r} is a training set: a target needs queries and '
                    "a gallery (`split='test'`)."
                )

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
