"""Drawn people: their cost beside decoding a JPEG, and what colours alone tell.

Usage:
    OMP_NUM_THREADS=1 python benchmarks/synthetic.py [--turns 5] [--identities 100]
        [--photos FOLDER]

Drawing and decoding take turns image by image in one process, so trust the ratios.
The last table ranks the gallery of a synthetic target by colour histograms: if that
worked, the data would teach a network nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from dynamix.datasets.synthetic import SyntheticPedestrians
from dynamix.evaluation import RankingLabels, feature_scores, rank_blocks

SIZES = ((256, 128), (128, 64))
IMAGES = 100


def read_photos(folder: str | None, size: tuple[int, int]) -> list[np.ndarray]:
    """IMAGES files of real crops of a size, undecoded; none if there are fewer."""
    if folder is None:
        return []
    files = []
    paths = sorted(Path(folder).rglob('*.jpg'))
    for path in paths[:: max(1, len(paths) // (20 * IMAGES))]:
        code = np.fromfile(path, np.uint8)
        if cv2.imdecode(code, cv2.IMREAD_COLOR).shape[:2] == size:
            files.append(code)
    return files[:IMAGES] if len(files) >= IMAGES else []


def time_drawing(
    size: tuple[int, int], domain: int, turns: int, photos: list[np.ndarray]
) -> tuple[float, float, float]:
    """Median microseconds an image: drawing it, decoding it, decoding a photo."""
    data = SyntheticPedestrians('train', domain, image_size=size, num_identities=200)
    data.full_init()
    rows = np.random.default_rng(0).permutation(len(data))[:IMAGES].tolist()
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    files = [
        cv2.imencode('.jpg', data.get_data_info(row)['img'], quality)[1] for row in rows
    ]

    times = []
    for turn in range(turns * IMAGES):
        codes = [files[turn % len(files)], *photos[turn % IMAGES : turn % IMAGES + 1]]
        moments = [time.perf_counter()]
        data.get_data_info(rows[turn % len(rows)])
        moments.append(time.perf_counter())
        for code in codes:
            cv2.imdecode(code, cv2.IMREAD_COLOR)
            moments.append(time.perf_counter())
        times.append(np.diff(moments)[:3])
    drawn, decoded, *photo = (np.median(times, axis=0) * 1e6).tolist()
    return drawn, decoded, photo[0] if photo else 0.0


def time_tables() -> list[tuple[str, int, float, float]]:
    """Name, rows, seconds and bytes a row of tables of about a million images."""
    rows = []
    for name, data in (
        ('train', SyntheticPedestrians(num_identities=62_500)),
        ('videos', SyntheticPedestrians('videos', num_videos=8_300)),
    ):
        start = time.perf_counter()
        data.full_init()
        seconds = time.perf_counter() - start
        truth = 0 if data.truth is None else data.truth.nbytes
        rows.append((name, len(data), seconds, (data.table.nbytes + truth) / len(data)))
    return rows


def histogram(image: np.ndarray) -> np.ndarray:
    """``[192]`` unit vector: square roots of a hue, saturation, value histogram."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, [12, 4, 4], [0, 180, 0, 256, 0, 256])
    flat = np.sqrt(counts.ravel())
    return flat / np.linalg.norm(flat)


def middle(image: np.ndarray) -> np.ndarray:
    """The part where people are rather than places."""
    width = image.shape[1]
    return image[:, width // 4 : width - width // 4]


def grey_world(image: np.ndarray) -> np.ndarray:
    """Colour constancy: every channel gets the same mean and spread."""
    values = image.astype(np.float32)
    mean = values.mean(axis=(0, 1))
    spread = values.std(axis=(0, 1)) + 1e-3
    return np.clip((values - mean) / spread * 50 + 128, 0, 255).astype(np.uint8)


def stripes(image: np.ndarray) -> np.ndarray:
    """Histograms of six stripes, head to foot."""
    return np.concatenate([histogram(part) for part in np.array_split(image, 6)])


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'HSV histogram': histogram,
    'HSV histogram of the middle': lambda image: histogram(middle(image)),
    'the same, colours normalised': lambda image: histogram(middle(grey_world(image))),
    'HSV histograms of 6 stripes': lambda image: stripes(middle(image)),
    'the same, colours normalised ': lambda image: stripes(middle(grey_world(image))),
    'chance': lambda image: np.random.default_rng(int(image.sum())).normal(size=64),
}


def rank_colours(domain: int, identities: int) -> dict[str, tuple[float, float]]:
    """Rank-1 and mAP, in percent, of each colour feature on a target."""
    data = SyntheticPedestrians(
        'test', domain, image_size=(128, 64), num_identities=identities
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--turns', type=int, default=5)
    parser.add_argument('--identities', type=int, default=100)
    parser.add_argument('--domains', type=int, nargs='+', default=[0, 1, 2, 3, 4])
    parser.add_argument('--photos', help='folder of real crops to decode as well')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    print('| size | domain | draw, us | decode it, us | ratio | photo, us | ratio |')
    print('|---|---|---|---|---|---|---|')
    for size in SIZES:
        photos = read_photos(args.photos, size)
        for domain in args.domains:
            drawn, decoded, photo = time_drawing(size, domain, args.turns, photos)
            real = f'{photo:.0f} | {drawn / photo:.2f}' if photos else '- | -'
            print(
                f'| {size[0]}x{size[1]} | {domain} | {drawn:.0f} | {decoded:.0f} '
                f'| {drawn / decoded:.2f} | {real} |'
            )
    print('\n| table | images | seconds | bytes an image, truth included |')
    print('|---|---|---|---|')
    for name, images, seconds, size_of_row in time_tables():
        print(f'| {name} | {images:,} | {seconds:.2f} | {size_of_row:.1f} |')
    results = [rank_colours(domain, args.identities) for domain in args.domains]
    print('\n| feature |', *(f'domain {d} |' for d in args.domains), 'mean |')
    print('|---|' + '---|' * (len(results) + 1))
    for name in FEATURES:
        cells = [result[name] for result in results]
        cells.append(tuple(np.mean(cells, axis=0)))
        print(f'| {name.strip()} |', *(f'{r:.1f} / {m:.1f} |' for r, m in cells))


if __name__ == '__main__':
    main()
