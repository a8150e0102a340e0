from __future__ import annotations

import time

import numpy as np

from .grouping import number_by_appearance, numbered, rows_of_groups, usable_rows
from .report import Relabeling, RelabelReport

SAMPLE = 2048


def relabel_by_density(
    embedding: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray | None = None,
    frame: np.ndarray | None = None,
    *,
    eps: float | None = None,
    false_rate: float = 0.001,
    min_samples: int = 4,
    seed: int = 0,
) -> Relabeling:
    """Groups images within each video by DBSCAN, for data without tracklets (ReMix).

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any length. Rows that are zero or
            not finite are dropped.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray, optional): Not used.
        frame (np.ndarray, optional): Not used.
        eps (float, optional): Largest cosine distance of neighbours. Defaults to None:
            the distance within which ``false_rate`` of the pairs of different videos
            lie.
        false_rate (float): See ``eps``. Defaults to 0.001.
        min_samples (int): A core point has so many neighbours, itself among them.
            Defaults to 4.
        seed (int): Draws at most 2048 images, of which pairs are taken.

    Returns:
        Relabeling: Labels, -1 for noise, and a report with ``1 - eps`` as threshold.

    Raises:
        ValueError: If ``eps`` is None and all images are of one video.
    """
    # imported here, as it takes a second and few need it
    from sklearn.cluster import DBSCAN

    begin = time.perf_counter()
    embedding, video = np.asarray(embedding), np.asarray(video)
    _, video_number = numbered(video)
    videos = int(video_number.max(initial=-1)) + 1
    rows, x = usable_rows(embedding)
    owner = video_number[rows]
    if eps is None and len(rows):
        if videos < 2:
            raise ValueError('eps must be given where all images are of one video.')
        some = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
        apart = owner[some][:, None] != owner[some][None]
        similarity = (x[some] @ x[some].T)[apart]
        eps = max(1 - float(np.quantile(similarity, 1 - false_rate)), 1e-6)
    label = np.full(len(embedding), -1, np.int64)
    base = 0
    for images in rows_of_groups(owner, videos):
        if len(images) == 0:
            continue
        distance = np.maximum(1 - x[images] @ x[images].T, 0)
        model = DBSCAN(eps=eps, min_samples=min_samples, metric='precomputed')
        found = model.fit_predict(distance)
        label[rows[images]] = np.where(found >= 0, found + base, -1)
        base += int(found.max()) + 1
    report = RelabelReport(
        images=len(embedding),
        embedded=len(rows),
        videos=videos,
        tracklets=0,
        drops=int(np.count_nonzero(label < 0)),
        threshold=float('inf') if eps is None else 1 - eps,
        seconds=time.perf_counter() - begin,
    )
    return Relabeling(number_by_appearance(label), report)
