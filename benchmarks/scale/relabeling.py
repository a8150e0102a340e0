"""Times relabeling beside its similarities alone and DBSCAN video by video.

    OMP_NUM_THREADS=2 python benchmarks/scale/relabeling.py

Drawn tracklets of 25 images, 500 images a video, 256-d float16; `--errors` exchanges a
share of the images within their videos. Paired with, in the same round: all
similarities within videos (a matrix product a video), and scikit-learn's DBSCAN on
the same distances, on some videos, scaled up. Prints medians and the log-log slope of
time against size. `--device cuda` keeps the embeddings on the GPU, as the feature bank
does with `device='cuda'`.
"""

from __future__ import annotations

import argparse
import time
from typing import cast

import numpy as np
import torch
from sklearn.cluster import DBSCAN

from dynamix.relabeling import RelabelRule, relabel, score_labels
from dynamix.relabeling.device_rows import DeviceRows
from dynamix.relabeling.segments import unit

PER_VIDEO = 500


def draw(
    num_images: int, dim: int, errors: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    tracklet = np.arange(num_images) // 25
    video = np.arange(num_images) // PER_VIDEO
    # two tracklets a person
    person = video * PER_VIDEO + (tracklet % (PER_VIDEO // 25)) // 2
    names, dense = np.unique(person, return_inverse=True)
    centre = unit(rng.normal(size=(len(names), dim)).astype(np.float32))
    embedding = np.empty((num_images, dim), np.float16)
    for start in range(0, num_images, 65536):
        part = slice(start, min(start + 65536, num_images))
        noise = rng.standard_normal((part.stop - start, dim), np.float32)
        embedding[part] = unit(centre[dense[part]] + noise * 0.4 / np.sqrt(dim))
    odd = np.flatnonzero(rng.random(num_images) < errors)
    tracklet[odd] = tracklet[odd[np.lexsort((rng.random(len(odd)), video[odd]))]]
    return embedding, video, tracklet, person


def video_products(embedding: np.ndarray, count: int) -> float:
    begin = time.perf_counter()
    for k in range(count):
        x = embedding[k * PER_VIDEO : (k + 1) * PER_VIDEO].astype(np.float32)
        _ = x @ x.T
    return time.perf_counter() - begin


def video_dbscan(embedding: np.ndarray, count: int) -> float:
    begin = time.perf_counter()
    for k in range(count):
        x = embedding[k * PER_VIDEO : (k + 1) * PER_VIDEO].astype(np.float32)
        distance = np.maximum(1 - x @ x.T, 0)
        DBSCAN(eps=0.4, min_samples=4, metric='precomputed').fit(distance)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, nargs='+', default=[10**5, 10**6])
    parser.add_argument('--errors', type=float, nargs='+', default=[0.0, 0.1])
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--dbscan-videos', type=int, default=40)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    print(
        '| errors | images | relabel s | similarities s | ratio | DBSCAN s | x | F1 |'
    )
    print('| --- | --- | --- | --- | --- | --- | --- | --- |')
    for errors in args.errors:
        medians = []
        for images in args.images:
            columns = draw(images, args.dim, errors)
            embedding, video, tracklet, person = columns
            stored = embedding
            if args.device != 'cpu':
                on_device = torch.from_numpy(embedding).to(args.device)
                stored = cast(np.ndarray, DeviceRows(on_device))
            videos = images // PER_VIDEO
            some = min(args.dbscan_videos, videos)
            times = []
            for _ in range(args.rounds):
                rule = RelabelRule(insist=True)
                result = relabel(stored, video, tracklet, rule=rule)
                times.append(
                    (
                        result.report.seconds,
                        video_products(embedding, videos),
                        video_dbscan(embedding, some) * videos / some,
                    )
                )
            ours, bare, theirs = np.median(times, 0)
            medians.append(ours)
            f1 = score_labels(result.identity, person, video)['f1']
            print(
                f'| {errors:.0%} | {images} | {ours:.2f} | {bare:.2f} | '
                f'{ours / bare:.2f} | {theirs:.1f} | {theirs / ours:.1f} | {f1:.3f} |',
                flush=True,
            )
        if len(medians) > 1:
            slope = np.polyfit(np.log(args.images), np.log(medians), 1)[0]
            print(f'\nlog-log slope at {errors:.0%} errors: {slope:.2f}\n', flush=True)


if __name__ == '__main__':
    main()
