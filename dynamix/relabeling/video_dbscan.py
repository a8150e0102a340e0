"""DBSCAN of many videos at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .segments import unit

NOISE = -1
BUDGET = 1 << 23


def video_dbscan(
    embedding: np.ndarray,
    rows: np.ndarray,
    video: np.ndarray,
    eps: float,
    min_samples: int,
    device: str | torch.device | None = None,
) -> np.ndarray:
    """DBSCAN with cosine distance within each video.

    The same as scikit-learn's DBSCAN video by video, except that a border point goes
    to the cluster of its nearest core point (the first in order among equals) rather
    than to whichever cluster was found first, so that the order of images does not
    matter. Videos of like length share a padded batch of products; a long video goes
    through in slices of rows. About ``4 BUDGET`` bytes of similarities exist at a time,
    and no edge list outlives its batch.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision and length.
        rows (np.ndarray): ``[m]`` the rows to look at, finite and not zero.
        video (np.ndarray): ``[m]`` video of each, in any order.
        eps (float): Largest cosine distance of neighbours.
        min_samples (int): A core point has so many neighbours, itself among them.
        device (str | torch.device, optional): Where to multiply. Defaults to None:
            CUDA if present.

    Returns:
        np.ndarray: ``[m]`` int64 clusters, unique over all videos; -1: noise.
    """
    target = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    # a product reaches this for sure where the distance is eps exactly
    level = 1 - eps - 1e-6
    root = np.full(len(rows), NOISE, np.int64)
    for places in _batches(video):
        inside = places >= 0
        x = np.zeros((*places.shape, embedding.shape[1]), np.float32)
        x[inside] = unit(embedding[rows[places[inside]]].astype(np.float32))
        label = _cluster(
            torch.from_numpy(x).to(target),
            torch.from_numpy(inside).to(target),
            level,
            min_samples,
        )[inside.reshape(-1)]
        # named after an image, so that no two batches share a name
        name = places.reshape(-1)[np.maximum(label, 0)]
        root[places[inside]] = np.where(label >= 0, name, NOISE)
    names, result = np.unique(root, return_inverse=True)
    return result - int(len(names) > 0 and names[0] == NOISE)


def _batches(video: np.ndarray) -> Iterator[np.ndarray]:
    """``[V, L]`` rows of videos of like length, padded with -1."""
    order = np.argsort(video, kind='stable')
    _, first, size = np.unique(video[order], return_index=True, return_counts=True)
    by_size = np.argsort(size, kind='stable')
    begin = 0
    while begin < len(by_size):
        # sizes rise, so the last of a batch is its longest
        ahead = size[by_size[begin:]].astype(np.int64)
        cost = np.arange(1, len(ahead) + 1) * ahead**2
        fits = (cost <= BUDGET) & (ahead <= 1.25 * ahead[0] + 8)
        count = max(1, int(fits.sum()))
        chosen = by_size[begin : begin + count]
        column = np.arange(size[chosen].max())
        place = first[chosen][:, None] + column
        inside = column < size[chosen][:, None]
        yield np.where(inside, order[np.where(inside, place, 0)], -1)
        begin += count


def _cluster(
    x: torch.Tensor, real: torch.Tensor, level: float, min_samples: int
) -> np.ndarray:
    """``[V * L]`` the first core place of each point's cluster; -1: noise."""
    videos, length, _ = x.shape
    count = videos * length
    rows = min(length, max(1, BUDGET // count))
    slices = [slice(s, s + rows) for s in range(0, length, rows)]

    def near(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        similarity = torch.bmm(x[:, part], x.transpose(1, 2))
        return similarity, (similarity >= level) & real[:, part, None] & real[:, None]

    held = None
    core = torch.zeros_like(real)
    for part in slices:
        held = near(part)
        core[:, part] = held[1].sum(-1) >= min_samples
    component = np.arange(count)
    nearest = np.full((videos, length), NOISE)
    shift = torch.arange(videos, device=x.device)[:, None] * length
    for part in slices:
        similarity, close = held if len(slices) == 1 and held else near(part)
        close &= core[:, None]
        score, best = similarity.masked_fill_(~close, -torch.inf).max(-1)
        best = torch.where(torch.isinf(score), NOISE, best + shift)
        nearest[:, part] = best.cpu().numpy()
        close &= core[:, part, None]
        close = close.triu(part.start + 1)
        v, i, j = (a.cpu().numpy() for a in close.nonzero(as_tuple=True))
        i, j = component[v * length + i + part.start], component[v * length + j]
        graph = coo_matrix((np.ones(len(i), bool), (i, j)), shape=(count, count))
        _, joined = connected_components(graph, directed=False)
        # the lowest place of a component is its name
        lowest = np.full(count, count)
        np.minimum.at(lowest, joined, np.arange(count))
        component = lowest[joined[component]]
    core_places = core.cpu().numpy().reshape(-1)
    nearest = np.where(core_places, np.arange(count), nearest.reshape(-1))
    return np.where(nearest >= 0, component[nearest], NOISE)
