"""Drawn embeddings, and the metric's scores of them."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.evaluator import Evaluator

from dynamix.evaluation import ReIDMetric
from dynamix.structures import ReIDDataSample


def make_samples(
    target: str = 'shop', size: int = 60, splits: int = 1, seed: int = 0
) -> list[ReIDDataSample]:
    """Half of the images are queries of each split, the others its gallery."""
    rng = np.random.default_rng(seed)
    feature = rng.integers(-4, 5, (size, 6)).astype(np.float32)
    identity, camera = rng.integers(0, 6, size), rng.integers(0, 3, size)
    is_query = [rng.permutation(size) < size // 2 for _ in range(splits)]
    samples = []
    for i in range(size):
        sample = ReIDDataSample(feature=torch.from_numpy(feature[i]))
        sample.set_metainfo(
            dict(
                target=target,
                identity=int(identity[i]),
                camera=int(camera[i]),
                image_index=i,
                img_path=f'{target}/{i}.jpg',
                query_splits=tuple(s for s in range(splits) if is_query[s][i]),
                gallery_splits=tuple(s for s in range(splits) if not is_query[s][i]),
            )
        )
        samples.append(sample)
    return samples


def run(samples: list[ReIDDataSample], batch: int = 7, **options) -> dict[str, float]:
    evaluator = Evaluator(ReIDMetric(**options))
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples))
