"""Label quality on real tracklets: relabeling with errors injected, by embedding.

    cd benchmarks/relabeling_quality
    python real_tracklets.py --npz good.npz crowded_cone.npz
    python real_tracklets.py --tracklets mars_single_camera --config CONFIG \
        --checkpoints untrained epoch_1.pth epoch_24.pth

An .npz file holds `embedding` [N, D], `video`, `tracklet` and `person` [N]. A folder
of tracklets (`videos/<video>/<tracklet>/*.jpg` and `truth.csv`) is embedded with the
momentum encoder of the checkpoints; `untrained` stands for fresh weights. Prints
pairwise F1 (precision) within videos, means over draws of the errors: a share of the
tracklets exchange their second halves with another of their video, as large a share
of the images changes places within its video.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from sensitivity import per_video_dbscan

from dynamix.apis import ReIDInferencer
from dynamix.relabeling import RelabelRule, relabel, score_labels
from dynamix.relabeling.segments import unit

SEPARATIONS = (0.15, 0.3, 0.6)


def load_npz(path: Path) -> tuple[np.ndarray, ...]:
    data = np.load(path)
    video = np.unique(data['video'], return_inverse=True)[1]
    tracklet = np.unique(data['tracklet'], return_inverse=True)[1]
    # the same name in two videos is two tracklets
    key = video.astype(np.int64) * (tracklet.max() + 1) + tracklet
    _, tracklet = np.unique(key, return_inverse=True)
    return data['embedding'].astype(np.float32), video, tracklet, data['person']


def embed(folder: Path, config: str, checkpoint: str) -> tuple[np.ndarray, ...]:
    paths, video, tracklet, person = [], [], [], []
    with open(folder / 'truth.csv', newline='') as file:
        for number, row in enumerate(csv.DictReader(file)):
            images = folder / 'videos' / row['video'] / row['tracklet']
            found = sorted(images.glob('*.jpg'))
            paths += found
            video += [row['video']] * len(found)
            tracklet += [number] * len(found)
            person += [row['person']] * len(found)
    weights = None if checkpoint == 'untrained' else checkpoint
    embedding = ReIDInferencer(config, weights)(paths, batch_size=128)
    numbers = [np.unique(x, return_inverse=True)[1] for x in (video, person)]
    return embedding, numbers[0], np.array(tracklet), numbers[1]


def with_errors(
    video: np.ndarray, tracklet: np.ndarray, rate: float, seed: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tracklet = tracklet.copy()
    size = np.bincount(tracklet)
    for v in np.unique(video):
        rows = np.flatnonzero(video == v)
        names = rng.permutation(np.unique(tracklet[rows]))
        names = names[size[names] >= 6]
        pairs = names[: 2 * round(rate * len(names) / 2)].reshape(-1, 2)
        for a, b in pairs:
            ra, rb = (np.flatnonzero(tracklet == x) for x in (a, b))
            tracklet[ra[len(ra) // 2 :]], tracklet[rb[len(rb) // 2 :]] = b, a
        odd = rows[rng.random(len(rows)) < rate]
        tracklet[odd] = tracklet[rng.permutation(odd)]
    return tracklet


def relabelled(
    embedding: np.ndarray, video: np.ndarray, tracklet: np.ndarray, **rule: Any
) -> np.ndarray:
    given = RelabelRule(max_changed=1.0, **rule)
    return relabel(embedding, video, tracklet, rule=given).identity


def rows_of(columns: tuple[np.ndarray, ...], rate: float, draws: int) -> list[str]:
    embedding, video, truth_of_tracker, person = columns
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in range(draws if rate else 1):
        tracklet = with_errors(video, truth_of_tracker, rate, seed)
        found = {
            'tracker': tracklet,
            'DBSCAN per video': per_video_dbscan(unit(embedding), video),
            'merge only': relabelled(
                embedding, video, tracklet, split=False, drop=False
            ),
        }
        for value in SEPARATIONS:
            labels = relabelled(embedding, video, tracklet, separation=value)
            found[f'ours, {value:g}'] = labels
        for name, labels in found.items():
            score = score_labels(labels, person, video)
            scores.setdefault(name, []).append((score['f1'], score['precision']))
    means = {name: np.mean(pair, 0) for name, pair in scores.items()}
    return [f'{f1:.3f} ({precision:.3f})' for f1, precision in means.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--npz', type=Path, nargs='*', default=[])
    parser.add_argument('--tracklets', type=Path)
    parser.add_argument('--config')
    parser.add_argument('--checkpoints', nargs='*', default=[])
    parser.add_argument('--rates', type=float, nargs='+', default=[0.0, 0.1, 0.2])
    parser.add_argument('--draws', type=int, default=5)
    args = parser.parse_args()
    names = ['tracker', 'DBSCAN per video', 'merge only']
    names += [f'ours, separation {s:g}' for s in SEPARATIONS]
    print(f'| embedding | errors | {" | ".join(names)} |')
    print('| --- ' * (len(names) + 2) + '|')
    beds = [(path.stem, load_npz(path)) for path in args.npz]
    for checkpoint in args.checkpoints:
        name = Path(checkpoint).stem
        beds.append((name, embed(args.tracklets, args.config, checkpoint)))
    for name, columns in beds:
        for rate in args.rates:
            cells = ' | '.join(rows_of(columns, rate, args.draws))
            print(f'| {name} | {rate:.0%} | {cells} |', flush=True)


if __name__ == '__main__':
    main()
