"""Label quality against tracker noise: relabeling beside what peers do.

    python benchmarks/relabeling_quality/sensitivity.py

Draws people on the sphere with a bias of each video and a cone that crowds all cosines,
cuts them into fragments, and injects switches and strays at 0 to 40 %. Writes
`sensitivity.md` and `sensitivity.png` beside this file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.cluster import DBSCAN

from dynamix.relabeling import RelabelRule, relabel, score_labels
from dynamix.relabeling.segments import unit

matplotlib.use('Agg')
import matplotlib.pyplot as plt

# spread of a person's images and weight of the cone common to all images
QUALITY = {'good': (0.35, 0.3), 'fair': (0.7, 1.0), 'poor': (1.2, 2.0)}
RATES = (0.0, 0.1, 0.2, 0.3, 0.4)


def draw(spread: float, cone: float, rate: float, seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed)
    videos, people, fragments, images, dim = 15, 6, 3, 16, 64
    # at rate 0 a person is one tracklet; at the others fragments abound with it
    person = np.repeat(np.arange(videos * people), fragments * images)
    video = person // people
    part = np.tile(np.repeat(np.arange(fragments), images), videos * people)
    broken = rng.random((videos * people, fragments)) < rate * 2
    broken[:, 0] = False
    tracklet = person * fragments + broken.cumsum(1)[person, part]
    for v in range(videos):
        rows = np.flatnonzero(video == v)
        names = rng.permutation(np.unique(tracklet[rows]))
        for a, b in names[: 2 * int(rate * len(names) / 4)].reshape(-1, 2):
            ra, rb = (np.flatnonzero(tracklet == x) for x in (a, b))
            tracklet[ra[len(ra) // 2 :]], tracklet[rb[len(rb) // 2 :]] = b, a
        odd = rows[rng.random(len(rows)) < rate / 2]
        tracklet[odd] = tracklet[rng.permutation(odd)]
    x = unit(rng.normal(size=(videos * people, dim)))[person]
    x += 0.4 * unit(rng.normal(size=(videos, dim)))[video]
    x += spread * rng.normal(size=x.shape) / np.sqrt(dim)
    x += cone * unit(rng.normal(size=(1, dim)))
    return unit(x).astype(np.float32), video, tracklet, person


def per_video_dbscan(x: np.ndarray, video: np.ndarray) -> np.ndarray:
    """As ReMix: eps chosen without the truth, 0.3, and outliers dropped."""
    labels = np.full(len(x), -1)
    for v in np.unique(video):
        rows = np.flatnonzero(video == v)
        distance = np.maximum(1 - x[rows] @ x[rows].T, 0)
        found = DBSCAN(eps=0.3, min_samples=4, metric='precomputed').fit(distance)
        labels[rows] = np.where(
            found.labels_ >= 0, found.labels_ + labels.max() + 1, -1
        )
    return labels


def jaccard_dbscan(x: np.ndarray, k: int = 20) -> np.ndarray:
    """Over all images: Jaccard distance of mutual neighbours, then DBSCAN."""
    near = np.argpartition(-(x @ x.T), k, axis=1)[:, :k]
    ones = np.ones(near.size, np.float32)
    graph = csr_matrix((ones, (np.repeat(np.arange(len(x)), k), near.ravel())))
    mutual = graph.multiply(graph.T).tocsr()
    size = np.asarray(mutual.sum(1)).ravel()
    common = (mutual @ mutual.T).tocoo()
    union = size[common.row] + size[common.col] - common.data
    distance = 1 - common.data / np.maximum(union, 1)
    sparse = csr_matrix((np.maximum(distance, 1e-6), (common.row, common.col)))
    return DBSCAN(eps=0.6, min_samples=4, metric='precomputed').fit(sparse).labels_


def main() -> None:
    methods = ('tracker', 'DBSCAN per video', 'Jaccard DBSCAN', 'merge only', 'ours')
    table: dict = {}
    for quality, (spread, cone) in QUALITY.items():
        for rate in RATES:
            scores = []
            for seed in range(3):
                x, video, tracklet, person = draw(spread, cone, rate, seed)
                ours = RelabelRule(max_changed=1.0)
                only = replace(ours, split=False, drop=False)
                labels = (
                    tracklet,
                    per_video_dbscan(x, video),
                    jaccard_dbscan(x),
                    relabel(x, video, tracklet, rule=only).identity,
                    relabel(x, video, tracklet, rule=ours).identity,
                )
                scores.append([score_labels(a, person, video)['f1'] for a in labels])
            table[quality, rate] = np.mean(scores, 0)
    lines = [
        f'| embedding | noise | {" | ".join(methods)} |',
        '| --- ' * (len(methods) + 2) + '|',
    ]
    for (quality, rate), row in table.items():
        cells = ' | '.join(f'{value:.3f}' for value in row)
        lines.append(f'| {quality} | {rate:.0%} | {cells} |')
    here = Path(__file__).parent
    (here / 'sensitivity.md').write_text('\n'.join(lines) + '\n')
    print('\n'.join(lines))
    figure, axes = plt.subplots(1, len(QUALITY), figsize=(12, 3.6), sharey=True)
    for axis, quality in zip(axes, QUALITY):
        for k, name in enumerate(methods):
            axis.plot(RATES, [table[quality, r][k] for r in RATES], 'o-', label=name)
        axis.set(title=f'{quality} embeddings', xlabel='noise rate', ylim=(0, 1.03))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel('pairwise F1')
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(here / 'sensitivity.png', dpi=110)


if __name__ == '__main__':
    main()
