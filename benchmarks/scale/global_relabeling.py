"""Times the global scope beside Jaccard-DBSCAN as peers do it.

    OMP_NUM_THREADS=1 python benchmarks/scale/global_relabeling.py

Every row runs in a process of its own, whose peak memory the system reports; that of
drawing the data alone stands beside. Times are CPU seconds, as machines are shared.
Writes `global_relabeling.md` beside this file. Where a GPU is found, it also times the
exact k-NN graph over 434 000 centroids; `--gpu-only` times nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch

from dynamix.relabeling.global_rule import GlobalRule
from dynamix.relabeling.global_scope import relabel_globally
from dynamix.relabeling.knn_graph import knn_graph, recall
from dynamix.relabeling.label_scores import score_labels
from dynamix.relabeling.segments import unit

IMAGES = 3
VIDEOS = 8
PER_VIDEO = 20
HERE = Path(__file__).parent


def draw(count: int, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings of ``IMAGES`` images of each identity, its video and its person.

    A person is seen in ``VIDEOS`` videos. The spectrum falls as of trained
    networks: some tens of directions carry most of the variance.
    """
    rng = np.random.default_rng(0)
    weight = np.arange(1, dim + 1, dtype=np.float32) ** -0.5
    centre = rng.standard_normal((max(count // VIDEOS, 1), dim), np.float32) * weight
    video = np.arange(count) // PER_VIDEO
    # nobody twice in a video: each takes a run of a shuffled round of all people
    rounds = -(-count // len(centre))
    person = np.concatenate([rng.permutation(len(centre)) for _ in range(rounds)])
    person = person[:count]
    change = rng.standard_normal((count, dim), np.float32)
    embedding = np.repeat(centre[person] + 0.6 * weight * change, IMAGES, axis=0)
    embedding += 0.3 * weight * rng.standard_normal(embedding.shape, np.float32)
    return unit(embedding).astype(np.float16), video, person


def centroids(embedding: np.ndarray) -> np.ndarray:
    mean = embedding.astype(np.float32).reshape(-1, IMAGES, embedding.shape[1]).mean(1)
    return unit(mean)


def jaccard_distance(x: np.ndarray, k1: int = 30, k2: int = 6) -> np.ndarray:
    """k-reciprocal encoding row by row, dense [n, n], as cluster-contrast does it."""
    import faiss

    n = len(x)
    rank = faiss.knn(x, x, k1, metric=faiss.METRIC_INNER_PRODUCT)[1]
    half = [_reciprocal(rank, i, k1 // 2) for i in range(n)]
    full = [_reciprocal(rank, i, k1) for i in range(n)]
    code = np.zeros((n, n), np.float16)
    for i in range(n):
        grown = full[i]
        for j in full[i]:
            if len(np.intersect1d(half[j], full[i])) > 2 / 3 * len(half[j]):
                grown = np.append(grown, half[j])
        grown = np.unique(grown)
        weight = np.exp(-(2 - 2 * x[i] @ x[grown].T))
        code[i, grown] = weight / weight.sum()
    code = np.stack([code[rank[i, :k2]].mean(0, dtype=np.float32) for i in range(n)])
    code = code.astype(np.float16)
    holders = [np.flatnonzero(code[:, i]) for i in range(n)]
    distance = np.empty((n, n), np.float32)
    for i in range(n):
        common = np.zeros(n, np.float32)
        for j in np.flatnonzero(code[i]):
            who = holders[j]
            common[who] += np.minimum(code[i, j], code[who, j])
        distance[i] = np.maximum(1 - common / (2 - common), 0)
    return distance


def dbscan(distance: np.ndarray, eps: float) -> np.ndarray:
    from sklearn.cluster import DBSCAN

    found = DBSCAN(eps=eps, min_samples=2, metric='precomputed').fit(distance).labels_
    # outliers stay by themselves
    return np.where(found >= 0, found, found.max() + 1 + np.arange(len(found)))


def _reciprocal(rank: np.ndarray, i: int, k: int) -> np.ndarray:
    forward = rank[i, : k + 1]
    return forward[(rank[forward, : k + 1] == i).any(1)]


def one(method: str, count: int, dim: int) -> dict:
    """Runs one row in this process."""
    if method == 'recall':
        return one_recall(count, dim)
    embedding, video, person = draw(count, dim)
    labels = np.arange(count)
    begin, cpu = time.perf_counter(), time.process_time()
    if method == 'jaccard':
        distance = jaccard_distance(centroids(embedding))
        labels = dbscan(distance, 0.6)
    elif method != 'data':
        start = np.repeat(labels, IMAGES)
        result = relabel_globally(
            embedding,
            np.repeat(video, IMAGES),
            start,
            rule=GlobalRule(index=method, device='cpu'),
        )
        labels = result.identity[::IMAGES]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    score = score_labels(labels, person)
    if method == 'jaccard':
        tried = [score_labels(dbscan(distance, e), person) for e in (0.2, 0.3, 0.4)]
        score = max([score, *tried], key=lambda result: result['f1'])
    return dict(cpu=cpu, wall=wall, peak=peak, **score)


def one_recall(count: int, dim: int) -> dict:
    """Recall of the indexes against the exact neighbours."""
    x = centroids(draw(count, dim)[0])
    exact = knn_graph(x, 20, 'exact', device='cpu').indices
    return {
        f'{index}_{k}': recall(found[:, :k], exact[:, :k])
        for index in ('ivf', 'hnsw')
        for found in (knn_graph(x, 20, index, device='cpu').indices,)
        for k in (2, 20)
    }


def gpu_row(count: int, dim: int) -> str:
    if not torch.cuda.is_available():
        return f'| {count} | no GPU was found: **empty** | | |'
    x = unit(np.random.default_rng(0).standard_normal((count, dim), np.float32))
    knn_graph(x[:4096], 20, 'exact')
    torch.cuda.empty_cache()
    times, free, done = [], [torch.cuda.mem_get_info()[0]], threading.Event()

    def watch() -> None:
        # Faiss allocates for itself: PyTorch does not know its peak
        while not done.wait(0.01):
            free.append(torch.cuda.mem_get_info()[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            begin = time.perf_counter()
            knn_graph(x, 20, 'exact')
            times.append(time.perf_counter() - begin)
    finally:
        done.set()
        watcher.join()
    return (
        f'| {count} | {torch.cuda.get_device_name()} | {np.median(times):.1f} | '
        f'{(free[0] - min(free)) / 2**20:.0f} |'
    )


class Rows:
    """Measures rows in own processes; keeps them in a file if one is named."""

    def __init__(self, path: Path | None, dim: int) -> None:
        self.path, self.dim = path, dim
        self.known = json.loads(path.read_text()) if path and path.exists() else {}

    def __call__(self, method: str, size: int) -> dict:
        key = f'{method} {size} {self.dim}'
        if key not in self.known:
            options = ['--dim', str(self.dim), '--one', method, str(size)]
            command = [sys.executable, __file__, *options]
            output = subprocess.check_output(command, text=True)
            self.known[key] = json.loads(output.splitlines()[-1])
            if self.path:
                self.path.write_text(json.dumps(self.known, indent=1))
        print(key, self.known[key], flush=True)
        return self.known[key]


def slope(sizes: list[int], seconds: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--one', nargs=2, help='run one row: a method and a size')
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument(
        '--sizes', type=int, nargs='+', default=[12_500, 25_000, 50_000, 100_000]
    )
    parser.add_argument(
        '--jaccard-sizes', type=int, nargs='+', default=[5_000, 10_000, 20_000]
    )
    parser.add_argument('--hnsw-sizes', type=int, nargs='+')
    parser.add_argument('--rows', type=Path, help='measured rows are kept here')
    parser.add_argument('--recall-size', type=int, default=50_000)
    parser.add_argument('--gpu-size', type=int, default=434_000)
    parser.add_argument('--gpu-only', action='store_true')
    parser.add_argument('--out', type=Path, default=HERE / 'global_relabeling.md')
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]), args.dim)))
        return
    gpu = [
        '| centroids | GPU | k-NN graph, k = 20, s | peak MB |',
        '| --- | --- | --- | --- |',
        gpu_row(args.gpu_size, args.dim),
    ]
    if args.gpu_only:
        print('\n'.join(gpu))
        return
    rows = Rows(args.rows, args.dim)
    largest = args.sizes[-1]
    table = [
        '| method | centroids | CPU s | peak MB | of it data | precision | F1 |',
        '| --- ' * 7 + '|',
    ]
    growth: dict[str, tuple[float, float]] = {}
    for method in ('exact', 'ivf', 'hnsw', 'jaccard'):
        own = dict(jaccard=args.jaccard_sizes, hnsw=args.hnsw_sizes)
        sizes = own.get(method) or args.sizes
        seconds = []
        for size in sizes:
            row, bare = rows(method, size), rows('data', size)
            seconds.append(row['cpu'])
            table.append(
                f'| {method} | {size} | {row["cpu"]:.1f} | {row["peak"]:.0f} | '
                f'{bare["peak"]:.0f} | {row["precision"]:.3f} | {row["f1"]:.3f} |'
            )
        fitted = slope(sizes, seconds)
        growth[method] = (fitted, seconds[-1] * (largest / sizes[-1]) ** fitted)
    theirs = growth['jaccard'][1]
    lines = [
        '# Global relabeling: time, memory, recall',
        '',
        f'`OMP_NUM_THREADS={os.environ.get("OMP_NUM_THREADS", "all")} python '
        f'benchmarks/scale/global_relabeling.py`; {platform.machine()}, '
        f'{os.cpu_count()} CPU cores, shared with others; {args.dim}-d, {IMAGES} '
        f'images an identity, people in {VIDEOS} videos.',
        'Exact, ivf, hnsw: `relabel_globally` whole, centroids of images included. '
        'Jaccard: k-reciprocal encoding (k1 = 30, k2 = 6) and DBSCAN (eps 0.6) on the '
        'centroids, scored at the best of four eps by the truth. '
        'Precision and F1: pairs of identities, all videos.',
        '',
        *table,
        '',
        f'| method | slope, log-log | at {largest} | Jaccard-DBSCAN takes |',
        '| --- | --- | --- | --- |',
    ]
    for method, (fitted, seconds) in growth.items():
        measured = f'{method} {largest} {args.dim}' in rows.known
        how = '' if measured else ' (**extrapolated** by its slope)'
        ratio = f'{theirs / seconds:.0f} x' if method != 'jaccard' else ''
        lines.append(f'| {method} | {fitted:.2f} | {seconds:.0f} s{how} | {ratio} |')
    size = args.jaccard_sizes[-1]
    extra = rows('jaccard', size)['peak'] - rows('data', size)['peak']
    lines += [
        '',
        f'Jaccard-DBSCAN was run up to {size}. It keeps dense rows, {extra:.0f} MB '
        f'there, so {extra * (largest / size) ** 2 / 1024:.0f} GB at {largest}; loops '
        'over rows take most of the time at small sizes, so that its slope there makes '
        'its time at the largest a lower bound.',
    ]
    found = rows('recall', args.recall_size)
    lines += [
        '',
        f'| index | recall of the nearest 2 | of the nearest 20, {args.recall_size} |',
        '| --- | --- | --- |',
        *(
            f'| {index} | {found[f"{index}_2"]:.3f} | {found[f"{index}_20"]:.3f} |'
            for index in ('ivf', 'hnsw')
        ),
        '',
        *gpu,
    ]
    args.out.write_text('\n'.join(lines) + '\n')
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
