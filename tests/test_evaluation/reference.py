"""The protocol written out query by query, slowly and obviously."""

from __future__ import annotations

import numpy as np
import torch

from dynamix.evaluation import Ranking, RankingLabels, rank_blocks


def rank_distances(
    distance: np.ndarray, labels: RankingLabels, topk: int = 0
) -> Ranking:
    """What is tested, of a matrix of all distances."""
    score = -torch.from_numpy(np.asarray(distance, float))
    return rank_blocks(lambda start, stop: score[start:stop].clone(), labels, topk)


def slow_ranking(distance: np.ndarray, labels: RankingLabels, topk: int = 0) -> Ranking:
    first, precision, penalty, dropped = [], [], [], []
    nearest = np.full((labels.num_queries, topk), -1)
    for q in range(labels.num_queries):
        identity = labels.query_identity[q]
        hits, seen, left_out_cameras = [], [], 0
        for g in sorted(range(labels.num_gallery), key=lambda g: (distance[q, g], g)):
            person = labels.gallery_identity[g]
            if person == -1:
                continue
            same = person == identity
            images, cameras = labels.image, labels.camera
            if same and images[0] is not None and images[0][q] == images[1][g]:
                continue
            if same and cameras[0] is not None and cameras[0][q] == cameras[1][g]:
                left_out_cameras += 1
                continue
            seen.append(g)
            if person == identity:
                hits.append(len(seen))
        nearest[q, : len(seen)] = seen[:topk]
        if identity == -1:
            dropped.append('junk')
        elif hits:
            dropped.append('')
        else:
            own = 'seen by no other camera'
            dropped.append(own if left_out_cameras else 'not in the gallery')
        first.append(hits[0] - 1 if hits else -1)
        precision.append(
            sum((n + 1) / place for n, place in enumerate(hits)) / len(hits)
            if hits
            else np.nan
        )
        penalty.append(len(hits) / hits[-1] if hits else np.nan)
    return Ranking(*map(np.array, (first, precision, penalty, dropped, nearest)))


def slow_k_reciprocal(
    distance: np.ndarray, num_queries: int, k1: int, k2: int, lambda_value: float
) -> np.ndarray:
    """Dense re-ranking of a square matrix of all distances; returns ``[Q, G]``."""
    distance = distance**2
    distance = distance / distance.max(axis=1, keepdims=True)
    nearest = np.argsort(distance, axis=1, kind='stable')

    def reciprocal(i: int, k: int) -> set[int]:
        return {int(j) for j in nearest[i, : k + 1] if i in nearest[j, : k + 1]}

    size = len(distance)
    weights = np.zeros((size, size))
    for i in range(size):
        own = reciprocal(i, k1)
        expanded = set(own)
        for j in own:
            close = reciprocal(j, round(k1 / 2))
            if len(close & own) > 2 / 3 * len(close):
                expanded |= close
        members = sorted(expanded)
        weights[i, members] = np.exp(-distance[i, members])
        weights[i] /= weights[i].sum()
    weights = np.stack([weights[nearest[i, :k2]].mean(axis=0) for i in range(size)])
    jaccard = np.empty((num_queries, size))
    for i in range(num_queries):
        common = np.minimum(weights[i], weights).sum(axis=1)
        jaccard[i] = 1 - common / (2 - common)
    mixed = (1 - lambda_value) * jaccard + lambda_value * distance[:num_queries]
    return mixed[:, num_queries:]
