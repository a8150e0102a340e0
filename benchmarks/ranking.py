"""Times CMC, mAP and mINP against the product of features alone.

Also timed: one query after the other with a full sort, the way re-identification code
usually does it, on some of the queries, scaled up to all. Rounds alternate between the
candidates, so that a busy machine is unfair to none. Prints a Markdown table.

    python benchmarks/ranking.py --sizes market1501 --dim 512 2048
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from dynamix.evaluation import Ranking, RankingLabels, feature_scores, rank_blocks
from dynamix.evaluation.ranking import BLOCK_BYTES

SLOW_QUERIES = 100
SPREAD = 2.1


class Size(NamedTuple):
    queries: int
    gallery: int
    distractors: int
    identities: int
    cameras: int


class Row(NamedTuple):
    """Figures of one size; percent, and seconds of what ranking.md explains."""

    size: str
    shape: str
    mean_average_precision: float
    product: float
    ranking: float
    ratio: float
    peers: float


SIZES = {
    'small': Size(200, 1500, 200, 60, 6),
    'market1501': Size(3368, 15913, 2798, 750, 6),
    'msmt17': Size(11659, 82161, 0, 3060, 15),
}


def draw(
    size: Size, dim: int, trained: bool
) -> tuple[torch.Tensor, torch.Tensor, RankingLabels]:
    """Features, around one centre a person if trained; identity 0: distractors."""
    rng = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    query = rng.integers(1, size.identities + 1, size.queries)
    gallery = rng.integers(1, size.identities + 1, size.gallery)
    gallery[: size.distractors] = 0
    centres = torch.randn(size.identities + 1, dim, generator=generator)
    # The spread of cosines of different people falls with the root of the dimension.
    centres *= trained * SPREAD / dim**0.25
    centres[0] = 0
    features = []
    for identity in (query, gallery):
        rows = torch.randn(len(identity), dim, generator=generator)
        features.append(rows.add_(centres[torch.from_numpy(identity)]))
    labels = RankingLabels(
        query,
        gallery,
        rng.integers(0, size.cameras, size.queries),
        rng.integers(0, size.cameras, size.gallery),
    )
    return features[0], features[1], labels


def product(query: torch.Tensor, gallery: torch.Tensor) -> None:
    """Nothing but the scores, in the same blocks."""
    step = BLOCK_BYTES // (4 * len(gallery))
    for start in range(0, len(query), step):
        query[start : start + step] @ gallery.T


def rank(query: torch.Tensor, gallery: torch.Tensor, labels: RankingLabels) -> Ranking:
    """What is measured."""
    return rank_blocks(feature_scores(query, gallery), labels)


def one_by_one(
    query: torch.Tensor, gallery: torch.Tensor, labels: RankingLabels
) -> float:
    """mAP by a full sort of each row."""
    distance = (1 - query @ gallery.T).cpu().numpy()
    total, valid = 0.0, 0
    for q in range(len(distance)):
        order = np.argsort(distance[q])
        same = labels.gallery_identity[order] == labels.query_identity[q]
        keep = ~(same & (labels.camera[1][order] == labels.camera[0][q]))
        hits = np.flatnonzero(same[keep])
        if len(hits):
            total += float(np.mean(np.arange(1, len(hits) + 1) / (hits + 1)))
            valid += 1
    return total / valid


def timed(run: Callable[[], object], device: str) -> float:
    """Seconds: of all cores' time on a CPU, where other programs may run; else wall."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    begin = clock()
    run()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - begin


def measure(name: str, dim: int, trained: bool, rounds: int, device: str) -> Row:
    size = SIZES[name]
    query, gallery, labels = draw(size, dim, trained)
    query, gallery = query.to(device), gallery.to(device)
    unit = [torch.nn.functional.normalize(rows) for rows in (query, gallery)]
    part = np.arange(min(SLOW_QUERIES, size.queries))
    few = RankingLabels(
        labels.query_identity[part],
        labels.gallery_identity,
        labels.camera[0][part],
        labels.camera[1],
    )
    # Warms up, and shows that all compute the same thing.
    quick = rank(query[: len(part)], gallery, few).scores()['mAP']
    slow = one_by_one(unit[0][: len(part)], unit[1], few)
    assert abs(quick - slow) < 1e-5, (quick, slow)
    product(unit[0][:500], unit[1])

    times = np.array(
        [
            (
                timed(lambda: product(*unit), device),
                timed(lambda: rank(query, gallery, labels), device),
                timed(lambda: one_by_one(unit[0][: len(part)], unit[1], few), device),
            )
            for _ in range(rounds)
        ]
    )
    times[:, 2] *= size.queries / len(part)
    bare, ours, loop = np.median(times, axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    shape = f'{size.queries} x {size.gallery} x {dim}'
    return Row(name, shape, 100 * quick, bare, ours, ratio, loop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', nargs='+', choices=SIZES, default=['market1501'])
    parser.add_argument('--dim', nargs='+', type=int, default=[512, 2048])
    parser.add_argument('--rounds', type=int, default=3)
    arguments = parser.parse_args()
    print(
        f'{torch.get_num_threads()} threads, torch {torch.__version__}, '
        f'NumPy {np.__version__}\n'
    )
    print('| size | queries x gallery x D | mAP | product | ranking | ratio | peers |')
    print('|---|---|---|---|---|---|---|')
    for name in arguments.sizes:
        for dim in arguments.dim:
            for trained in (True, False):
                row = measure(name, dim, trained, arguments.rounds, 'cpu')
                print(
                    f'| {row.size} | {row.shape} | {row.mean_average_precision:.0f} | '
                    f'{row.product:.2f} s | {row.ranking:.2f} s | {row.ratio:.2f} | '
                    f'{row.peers:.1f} s |',
                    flush=True,
                )


if __name__ == '__main__':
    main()
