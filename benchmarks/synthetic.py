"""Drawn people: their cost beside decoding a JPEG, and what colours alone tell.

    OMP_NUM_THREADS=1 python benchmarks/synthetic.py

Drawing and decoding take turns image by image in one process, so trust the ratios.
The last table ranks the gallery of a synthetic target by colour histograms: if that
worked, the data would teach a network nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from dynamix.datasets.synthetic import SyntheticPedestrians
from dynamix.evaluation import RankingLabels, feature_scores, rank_blocks

SIZES = ((256, 128), (128, 64))
DOMAINS = range(5)
IMAGES, TURNS = 100, 5


def time_drawing(size: tuple[int, int], domain: int) -> tuple[float, float]:
    """Median microseconds an image: drawing it, decoding it."""
    data = SyntheticPedestrians('train', domain, image_size=size, num_identities=200)
    data.full_init()
    rows = np.random.default_rng(0).permutation(len(data))[:IMAGES].tolist()
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    files = [
        cv2.imencode('.jpg', data.get_data_info(row)['img'], quality)[1] for row in rows
    ]
    times = []
    for row, file in TURNS * [*zip(rows, files)]:
        moments = [time.perf_counter()]
        data.get_data_info(row)
        moments.append(time.perf_counter())
        cv2.imdecode(file, cv2.IMREAD_COLOR)
        moments.append(time.perf_counter())
        times.append(np.diff(moments))
    drawn, decoded = (np.median(times, axis=0) * 1e6).tolist()
    return drawn, decoded


def histogram(image: np.ndarray) -> np.ndarray:
    """``[192]`` unit vector: square roots of a hue, saturation, value histogram."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, [12, 4, 4], [0, 180, 0, 256, 0, 256])
    flat = np.sqrt(counts.ravel())
    return flat / np.linalg.norm(flat)


def stripes(image: np.ndarray) -> np.ndarray:
    """Histograms of six stripes of the middle; the image's channels are normalised."""
    values = image.astype(np.float32)
    mean = values.mean(axis=(0, 1))
    spread = values.std(axis=(0, 1)) + 1e-3
    grey = np.clip((values - mean) / spread * 50 + 128, 0, 255).astype(np.uint8)
    width = image.shape[1]
    middle = grey[:, width // 4 : width - width // 4]
    return np.concatenate([histogram(part) for part in np.array_split(middle, 6)])


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'HSV histogram': histogram,
    'HSV histograms of 6 stripes of the middle, colours normalised': stripes,
    'chance': lambda image: np.random.default_rng(int(image.sum())).normal(size=64),
}


def rank_colours(domain: int) -> dict[str, tuple[float, float]]:
    """Rank-1 and mAP, in percent, of each colour feature on a target."""
    data = SyntheticPedestrians(
        'test', domain, image_size=(128, 64), num_identities=100
    )
    data.full_init()
    images = [data.get_data_info(row)['img'] for row in range(len(data))]
    query = np.array([bool(splits) for splits in data.query_splits or ()])
    identity, camera = data.table.identity, data.table.camera
    labels = RankingLabels(
        identity[query], identity[~query], camera[query], camera[~query]
    )
    scores = {}
    for name, feature in FEATURES.items():
        rows = np.stack([feature(image) for image in images])
        features = torch.from_numpy(rows).float()
        ranking = rank_blocks(feature_scores(features[query], features[~query]), labels)
        scores[name] = (
            100 * float((ranking.first_match == 0).mean()),
            100 * float(np.nanmean(ranking.average_precision)),
        )
    return scores


def main() -> None:
    cv2.setNumThreads(1)
    print('| size | domain | draw, us | decode it, us | ratio |')
    print('|---|---|---|---|---|')
    for size in SIZES:
        for domain in DOMAINS:
            drawn, decoded = time_drawing(size, domain)
            print(
                f'| {size[0]}x{size[1]} | {domain} | {drawn:.0f} | {decoded:.0f} '
                f'| {drawn / decoded:.2f} |'
            )
    results = [rank_colours(domain) for domain in DOMAINS]
    print('\n| feature |', *(f'domain {d} |' for d in DOMAINS), 'mean |')
    print('|---|' + '---|' * (len(results) + 1))
    for name in FEATURES:
        cells = [result[name] for result in results]
        cells.append(tuple(np.mean(cells, axis=0)))
        print(f'| {name} |', *(f'{r:.1f} / {m:.1f} |' for r, m in cells))


if __name__ == '__main__':
    main()
