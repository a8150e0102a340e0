from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from dynamix.registry import DATASETS

from .reid_dataset import ReIDDataset, Transform


class JoinedReaders(Dataset):
    """Base of data sets that are several readers, one after the other.

    Args:
        readers (Sequence[tuple[str, dict | ReIDDataset]]): Configs of readers, or
            themselves, each with the config key that lists it.
        pipeline (Sequence[dict | Callable]): Transforms of all of them.

    Raises:
        TypeError: If one is no reader.
    """

    def __init__(
        self,
        readers: Sequence[tuple[str, dict | ReIDDataset]],
        pipeline: Sequence[Transform],
    ) -> None:
        self.datasets: list[ReIDDataset] = []
        for key, given in readers:
            dataset = DATASETS.build(given) if isinstance(given, dict) else given
            if not isinstance(dataset, ReIDDataset):
                raise TypeError(
                    f'{type(self).__name__}.{key} takes readers (LabelledFolder, '
                    'TrackletFolder, ... or a subclass of ReIDDataset), but got a '
                    f'{type(dataset).__name__}.'
                )
            self.datasets.append(dataset)
        self.pipeline = Compose(pipeline)
        self._fully_initialized = False

    def full_init(self) -> None:
        """Reads all data; does nothing the second time."""
        if not self._fully_initialized:
            for dataset in self.datasets:
                dataset.full_init()
            self._starts = np.cumsum([0, *map(len, self.datasets)])
            self.join()
            self._fully_initialized = True

    def join(self) -> None:
        """Hook of subclasses: checks and joins what was read."""
        raise NotImplementedError

    def __len__(self) -> int:
        self.full_init()
        return int(self._starts[-1])

    def get_data_info(self, index: int) -> dict[str, Any]:
        """What the pipeline starts from; see :meth:`ReIDDataset.get_data_info`.

        Args:
            index (int): Row over all readers.
        """
        row = range(len(self))[index]
        reader = int(np.searchsorted(self._starts, row, side='right')) - 1
        info = self.datasets[reader].get_data_info(row - int(self._starts[reader]))
        info['image_index'] = row
        return info

    def __getitem__(self, index: int) -> Any:
        return self.pipeline(self.get_data_info(index))
