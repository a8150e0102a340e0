"""Embeds real tracklets seen badly, as test beds for real_tracklets.py.

    python degraded_tracklets.py mars_single_camera osnet.onnx --out beds/

The folder is that of real_tracklets.py; the network an ONNX file that takes RGB images
of 256 x 128, normalised as for ImageNet, in batches. Writes an .npz file for each way
to spoil the pictures.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
BATCH = 64


def grey(image: np.ndarray) -> np.ndarray:
    return np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] * 3, -1)


def coarse(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, (12, 24), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (128, 256))


def edges(image: np.ndarray) -> np.ndarray:
    return np.stack([cv2.Canny(image, 80, 160)] * 3, -1)


def noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(int(image.sum())).normal(0, 60, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'grey': grey,
    'coarse': coarse,
    'edges': edges,
    'noisy': noisy,
    'negative': lambda image: 255 - grey(image),
    'upside_down': lambda image: image[::-1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path)
    parser.add_argument('network', type=Path)
    parser.add_argument('--out', type=Path, default=Path('beds'))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    session = onnxruntime.InferenceSession(str(args.network))
    name = session.get_inputs()[0].name
    paths: list[Path] = []
    columns: dict[str, list] = dict(video=[], tracklet=[], person=[])
    with open(args.folder / 'truth.csv', newline='') as file:
        for row in csv.DictReader(file):
            images = args.folder / 'videos' / row['video'] / row['tracklet']
            found = sorted(images.glob('*.jpg'))
            paths += found
            for key, values in columns.items():
                values += [row[key]] * len(found)
    for way, spoil in WAYS.items():
        parts = []
        for start in range(0, len(paths), BATCH):
            pictures = [cv2.imread(str(path)) for path in paths[start : start + BATCH]]
            resized = [cv2.resize(spoil(p), (128, 256))[..., ::-1] for p in pictures]
            x = (np.stack(resized).astype(np.float32) / 255 - MEAN) / STD
            parts.append(session.run(None, {name: x.transpose(0, 3, 1, 2)})[0])
        embedding = np.concatenate(parts).astype(np.float16)
        np.savez(args.out / f'{way}.npz', embedding=embedding, **columns)
        print(f'wrote {args.out / way}.npz', flush=True)


if __name__ == '__main__':
    main()
