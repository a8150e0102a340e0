from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from torch.utils.data import Subset

from dynamix.datasets import TargetDataset
from dynamix.evaluation.target_images import TargetImages

from .reid_inferencer import ReIDInferencer


def embed_target(
    inferencer: ReIDInferencer,
    dataset: TargetDataset,
    name: str | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
) -> tuple[TargetImages, Callable[[int], np.ndarray]]:
    """Embeds one of several targets and shows how far it is.

    Args:
        inferencer (ReIDInferencer): The model.
        dataset (TargetDataset): Has the target.
        name (str, optional): The target. Defaults to None: the first one.
        batch_size (int): Defaults to 64.
        num_workers (int): Processes that load. Defaults to 0.

    Returns:
        tuple[TargetImages, Callable]: The images with their features, and what gives
        the ``[H, W, 3]`` uint8 BGR image of a number of ``image_index``.

    Raises:
        ValueError: If there is no such target.
        FileNotFoundError: If its images are missing.
    """
    dataset.full_init()
    names = [reader.name for reader in dataset.datasets]
    name = name or names[0]
    if name not in names:
        raise ValueError(f"there is no target '{name}' but {', '.join(sorted(names))}")
    number = names.index(name)
    start = sum(map(len, dataset.datasets[:number]))
    rows = range(start, start + len(dataset.datasets[number]))
    print(f'embedding the images of {name}')
    samples = inferencer.predict(
        Subset(dataset, rows), batch_size, num_workers, progress=True
    )
    records = [{**s.to_dict(), 'feature': s.feature.numpy()} for s in samples]
    return TargetImages(name, records), lambda row: read_image(
        inferencer.pipeline, dataset, row
    )


def read_image(pipeline: Compose, dataset: Any, row: int) -> np.ndarray:
    """Reads the image of a row of a data set as a pipeline does.

    Args:
        pipeline (Compose): Its first transform reads.
        dataset (ReIDDataset | JoinedReaders): Has the image.
        row (int): Its row.

    Returns:
        np.ndarray: ``[H, W, 3]`` uint8 BGR.
    """
    return pipeline.transforms[0](dataset.get_data_info(row))['img']
