"""Time of a gallery of a million people: build, open, add, remove, search.

    OMP_NUM_THREADS=2 python benchmarks/gallery.py

Features are drawn with the spread of real ones: mean, variance between and within
people are those of OSNet on MARS; the variances along the axes fall slower, so that
the inverted lists have a harder task. Queries are further images of people that are in
the gallery.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dynamix.gallery import Gallery

#: People of the gallery, images of each, numbers of a feature, queries.
PEOPLE, IMAGES, DIM, SEARCHED = 50_000, 20, 512, 300
MEAN, BETWEEN, WITHIN = 0.47, 0.35, 0.19
BATCH = 10_000
STEPS = '| step | time | CPU time |\n|---|---|---|'
QUERIES = (
    '| single queries, ms | least | p50 | p99 | least CPU | p50 CPU | p99 CPU |\n'
    '|---|---|---|---|---|---|---|'
)


def draw() -> tuple[np.ndarray, np.ndarray]:
    """Features of a gallery in random order and of queries, float32, unit length."""
    rng = np.random.default_rng(0)
    axis = np.arange(1, DIM + 1)
    between, within = (
        np.sqrt(total * shares / shares.sum()).astype(np.float32)
        for total, shares in ((BETWEEN, 1 / axis), (WITHIN, 1 / (axis + 3)))
    )
    mean = rng.standard_normal(DIM, np.float32)
    mean *= np.sqrt(MEAN) / np.linalg.norm(mean)
    centres = mean + between * rng.standard_normal((PEOPLE, DIM), np.float32)
    identity = rng.permutation(np.repeat(np.arange(PEOPLE), IMAGES))
    found = []
    for who in (identity, rng.integers(0, PEOPLE, SEARCHED + 3000)):
        features = centres[who]
        for start in range(0, len(features), BATCH):
            part = features[start : start + BATCH]
            part += within * rng.standard_normal(part.shape, np.float32)
            part /= np.linalg.norm(part, axis=1, keepdims=True)
        found.append(features)
    return found[0], found[1]


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of all cores together."""
    begin, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - begin, time.process_time() - cpu


def row(name: str, seconds: tuple[float, float]) -> None:
    print(f'| {name} | {seconds[0]:.2f} s | {seconds[1]:.2f} s |', flush=True)


def latencies(name: str, run: Callable[[np.ndarray], object], queries: np.ndarray):
    """Prints a row of the time that single queries take."""
    times = [timed(lambda q=query: run(q[None])) for query in queries]
    figures = [
        f'{1000 * figure:.1f}'
        for seconds in zip(*times)
        for figure in np.percentile(seconds, (0, 50, 99))
    ]
    print(f'| {name} | {" | ".join(figures)} |', flush=True)


def truth(features: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Rows of the ten nearest features of each query, in no order."""
    parts = [
        np.argpartition(part @ features.T, -10, axis=1)[:, -10:]
        for part in np.array_split(queries, -(-len(queries) // 50))
    ]
    return np.concatenate(parts)


def found(gallery: Gallery, queries: np.ndarray, **conditions) -> list[list[str]]:
    rows = gallery.search(queries, **conditions)
    return [[match.entry.path for match in row] for row in rows]


def recall(found: list[list[str]], nearest: list[list[str]]) -> str:
    shares = [len({*a} & {*b}) / len(b) for a, b in zip(found, nearest)]
    return f'{np.mean(shares):.4f}'


def main() -> None:
    features, queries = draw()
    queries, later = queries[:SEARCHED], queries[SEARCHED:]
    rows = len(features)
    names = [f'crops/{n // IMAGES:05d}/{n:07d}.jpg' for n in range(rows)]
    cameras = [f'c{n % 8}' for n in range(rows)]

    def add(part: np.ndarray, of: str) -> None:
        writer.add(part, [f'{of}/{n}.jpg' for n in range(len(part))])

    def build() -> None:
        for start in range(0, rows, BATCH):
            part = slice(start, start + BATCH)
            writer.add(features[part], names[part], cameras[part])

    with tempfile.TemporaryDirectory() as folder:
        writer = Gallery.create(folder, DIM, 'drawn', ivf_from=rows + 1000)
        print(f'{rows} x {DIM}, load {os.getloadavg()[0]:.1f}\n')
        print(STEPS)
        row('build, without embedding', timed(build))
        row('open', timed(lambda: Gallery.open(folder).close()))
        gallery = Gallery.open(folder)
        row('first search, which loads it', timed(lambda: gallery.search(queries[:1])))
        nearest = [[names[n] for n in row] for row in truth(features, queries)]
        exact = recall(found(gallery, queries), nearest)
        ids = writer.select()[500:-1:1001][:1000]
        row(f'remove {len(ids)}', timed(lambda: writer.remove(ids)))
        row('next search of a reader', timed(lambda: gallery.search(queries[:1])))
        row('add 1000', timed(lambda: add(later[:1000], 'a')))
        row('next search of a reader', timed(lambda: gallery.search(queries[:1])))
        print(f'\nrecall@10 of exact search: {exact}')
        print(f'\n{QUERIES}')
        latencies('NumPy, float32: the product', lambda q: features @ q[0], queries)
        latencies('exact, the 10 nearest', gallery.search, queries)
        latencies(
            'exact, one of 8 cameras',
            lambda q: gallery.search(q, camera='c3'),
            queries,
        )
        print(f'\n{STEPS}')
        row('add 1000 and train the lists', timed(lambda: add(later[1000:2000], 'b')))
        row('add 1000', timed(lambda: add(later[2000:], 'c')))
        row('next search of a reader', timed(lambda: gallery.search(queries[:1])))
        print(f'\n{QUERIES}')
        latencies('NumPy, float32: the product', lambda q: features @ q[0], queries)
        latencies('IVF, the 10 nearest', gallery.search, queries)
        exact = found(gallery, queries, time=(None, None))
        print(f'\nrecall@10 of IVF: {recall(found(gallery, queries), exact)}')
        print(f'\n{STEPS}')
        row('verify', timed(gallery.verify))
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        print(f'{size / len(gallery):.0f} bytes an entry on disk')
        print(f'load {os.getloadavg()[0]:.1f}')


if __name__ == '__main__':
    main()
