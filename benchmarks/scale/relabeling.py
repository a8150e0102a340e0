"""Times relabeling beside its similarities alone and DBSCAN video by video.

    OMP_NUM_THREADS=2 python benchmarks/scale/relabeling.py --images 1000000

Drawn tracklets of 25 images, 500 images a video, 256-d float16. DBSCAN (scikit-learn,
on the same precomputed distances) is timed on some videos and scaled up.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.cluster import DBSCAN

from dynamix.relabeling import RelabelRule, relabel, score_labels
from dynamix.relabeling.segments import unit


def draw(num_images: int, dim: int, per_video: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    tracklet = np.arange(num_images) // 25
    video = np.arange(num_images) // per_video
    # two or three tracklets a person
    person = video * per_video + (tracklet % (per_video // 25)) // 2
    names, dense = np.unique(person, return_inverse=True)
    centre = unit(rng.normal(size=(len(names), dim)).astype(np.float32))
    embedding = np.empty((num_images, dim), np.float16)
    for start in range(0, num_images, 65536):
        part = slice(start, min(start + 65536, num_images))
        noise = rng.standard_normal((part.stop - start, dim), np.float32)
        embedding[part] = unit(centre[dense[part]] + noise * 0.4 / np.sqrt(dim))
    return embedding, video, tracklet, person


def video_products(embedding: np.ndarray, per_video: int, count: int) -> float:
    begin = time.perf_counter()
    for k in range(count):
        x = embedding[k * per_video : (k + 1) * per_video].astype(np.float32)
        _ = x @ x.T
    return time.perf_counter() - begin


def video_dbscan(embedding: np.ndarray, per_video: int, count: int) -> float:
    begin = time.perf_counter()
    for k in range(count):
        x = embedding[k * per_video : (k + 1) * per_video].astype(np.float32)
        distance = np.maximum(1 - x @ x.T, 0)
        DBSCAN(eps=0.4, min_samples=4, metric='precomputed').fit(distance)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, nargs='+', default=[100_000, 1_000_000])
    parser.add_argument('--per-video', type=int, default=500)
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--dbscan-videos', type=int, default=100)
    args = parser.parse_args()
    print(
        '| images | videos | relabel s | similarities s | ratio | DBSCAN s | x | F1 |'
    )
    print('| --- | --- | --- | --- | --- | --- | --- | --- |')
    for images in args.images:
        embedding, video, tracklet, person = draw(images, args.dim, args.per_video)
        videos = images // args.per_video
        some = min(args.dbscan_videos, videos)
        video_products(embedding, args.per_video, some)
        seconds, similarities, dbscan = [], [], []
        for _ in range(3):
            result = relabel(
                embedding,
                np.ones(images, bool),
                video,
                tracklet,
                np.full(images, -1),
                tracklet,
                RelabelRule(insist=True),
            )
            seconds.append(result.report.seconds)
            similarities.append(video_products(embedding, args.per_video, videos))
            scaled = video_dbscan(embedding, args.per_video, some) * videos / some
            dbscan.append(scaled)
        ours, bare, theirs = (np.median(x) for x in (seconds, similarities, dbscan))
        f1 = score_labels(result.identity, person, video)['f1']
        print(
            f'| {images} | {videos} | {ours:.2f} | {bare:.2f} | {ours / bare:.2f} | '
            f'{theirs:.1f} | {theirs / ours:.1f} | {f1:.3f} |'
        )


if __name__ == '__main__':
    main()
