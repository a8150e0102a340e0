"""Label quality on real tracklets: F1 (precision) of the rule and without its steps.

    python benchmarks/relabeling_quality/real_tracklets.py ../shared/data [--draws 2]

Reads `pets09_s2l1` (real tracks with a clock), `relabeling_stress` (without one), and
with `weights` `market_subset` (most people pass once; each sequence is a video) and
`multiviewx` (the same people in all videos, each of which is a camera). `PETS twice`:
the true tracks and the cut ones as two videos.
`+ good`: scores of the PETS video in one run with `good`. `4 images`: only so many of
each tracklet are given, one drawn from each quarter.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from dynamix.relabeling import (
    calibration,
    evidence,
    linkage,
    purify,
    relabel,
    score_labels,
)
from tests.test_relabeling import conftest
from tests.test_relabeling.conftest import Tracks, add_errors, join, load_tracks

rule = sys.modules['dynamix.relabeling.relabel']


def four(tracks: Tracks, seed: int) -> Tracks:
    rng = np.random.default_rng(seed)
    rows: list[int] = []
    for name in np.unique(tracks.tracklet):
        own = np.flatnonzero(tracks.tracklet == name)
        own = own[np.argsort(tracks.frame[own], kind='stable')]
        rows += [rng.choice(q) for q in np.array_split(own, min(4, len(own)))]
    return tracks.take(np.sort(rows))


def lone(tracks: Tracks) -> Tracks:
    """The longest tracklet of each person, one after the other."""
    rows = []
    for person in np.unique(tracks.person):
        own = np.flatnonzero(tracks.person == person)
        longest = np.bincount(tracks.tracklet[own]).argmax()
        rows.append(own[tracks.tracklet[own] == longest])
    alone = tracks.take(np.concatenate(rows))
    alone.frame = np.arange(len(alone.x))
    return alone


def crops(data: Path, folder: str, size: int, sequences: bool) -> Tracks:
    """Labelled people under each camera, as tracklets of ``size`` images.

    A video is a camera, or a sequence of it. Each person is there from its first frame
    on; all people of a camera start together.
    """
    net = cv2.dnn.readNetFromONNX(str(data / 'weights' / 'osnet_x0_25_msmt17.onnx'))
    mean, std = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)
    columns, pixels = [], []
    for file in sorted((data / folder).glob('*/*.jpg')):
        person, camera, sequence, frame = map(int, re.findall(r'-?\d+', file.name)[:4])
        image = cv2.resize(cv2.imread(str(file)), (128, 256))[:, :, ::-1] / 255
        pixels.append(((image - mean) / std).transpose(2, 0, 1))
        video = 10 * camera + sequence if sequences else camera
        columns.append((video, person, 1000 * sequence + frame, frame))
    x = []
    for start in range(0, len(pixels), 32):
        net.setInput(np.stack(pixels[start : start + 32]).astype(np.float32))
        x.append(net.forward().copy())
    video, person, time, frame = np.array(columns).T
    order = np.lexsort((time, person, video))
    _, video = np.unique(video, return_inverse=True)
    tracks = Tracks(np.concatenate(x), video, person, frame, person).take(order)
    _, visit = np.unique(
        np.stack([tracks.video, tracks.person]), axis=1, return_inverse=True
    )
    start = np.searchsorted(visit, np.arange(visit.max() + 1))
    place = np.arange(len(visit)) - start[visit]
    tracks.tracklet = np.cumsum(place % size == 0)
    if not sequences:
        tracks.frame = place
    return tracks


def f1(label: np.ndarray, tracks: Tracks, rows: np.ndarray) -> tuple[float, float]:
    rows = rows & (tracks.person >= 0)
    score = score_labels(label[rows], tracks.person[rows], tracks.video[rows])
    return score['f1'], score['precision']


@contextmanager
def patched(module: object, name: str, value: object):
    with mock.patch.object(module, name, value):
        yield


def variants() -> dict[str, Callable]:
    def without_whitening(x, group, count, video):
        return calibration.unit(calibration.centre(x, group, count, video))

    def keep(x, label, video, tracklet):
        return label

    changes = {
        'no whitening': (rule, 'whiten', without_whitening),
        'one centre for all': (calibration, 'PRIOR_GROUPS', 1e6),
        'no care': (calibration, 'CAREFUL_SHARE', 0.4),
        'one moment forbids': (linkage, 'MOST_SHARED', 0.0),
        'strays dropped': (rule, 'assign_strays', keep),
        'no check of overlap': (calibration, 'MOST_OVERLAP', 1.0),
        'parts may alternate': (purify, 'MOST_CHANGES', np.inf),
        'no evidence': (evidence, 'MOST_IMPOSTORS', np.inf),
    }
    result: dict[str, Callable] = {
        'whole rule': relabel,
        'no splits': lambda *a, **k: relabel(*a, split=False, **k),
    }
    for title, change in changes.items():

        def run(*args, change=change, **options):
            with patched(*change):
                return relabel(*args, **options)

        result[title] = run
    for share in (0.2, 0.8):
        result[f'merge share {share}'] = lambda *a, s=share, **k: relabel(
            *a, merge_share=s, **k
        )
    for share in (0.125, 0.5):
        result[f'split share {share}'] = lambda *a, s=share, **k: relabel(
            *a, split_share=s, **k
        )
    return result


def beds(draws: int) -> dict[str, list[Tracks]]:
    pets = {
        'true tracks': load_tracks('pets09_s2l1/ground_truth_tracks.npz'),
        'cut': load_tracks('pets09_s2l1/cut_tracks.npz'),
        'cut, 10 %': load_tracks('pets09_s2l1/cut_tracks_10_percent_errors.npz'),
        'buffer 30': load_tracks('pets09_s2l1/bytetrack_buffer30.npz'),
        'buffer 2': load_tracks('pets09_s2l1/bytetrack_buffer2.npz'),
    }
    good = load_tracks('relabeling_stress/good.npz')
    cone = load_tracks('relabeling_stress/crowded_cone.npz')
    result = {name: [tracks] for name, tracks in pets.items()}
    for name, tracks in pets.items():
        result[f'{name} + good'] = [join(tracks, good)]
    for name, tracks in pets.items():
        result[f'{name}, 4 images'] = [four(tracks, s) for s in range(draws)]
    result['good'] = [good]
    result['crowded_cone'] = [cone]
    result['good, 10 %'] = [add_errors(good, 0.1, s) for s in range(draws)]
    result['cone, 10 %'] = [add_errors(cone, 0.1, s) for s in range(draws)]
    result['lone people'] = [lone(pets['true tracks'])]
    for name, folder, sequences in (
        ('Market', 'market_subset', True),
        ('MultiviewX', 'multiviewx', False),
    ):
        for title, size in (('whole', 1000), ('cut into 3', 3)):
            tracks = crops(conftest.DATA, folder, size, sequences)
            result[f'{name}, {title}'] = [tracks]
    result['PETS twice'] = [join(pets['true tracks'], pets['cut'])]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('data', type=Path)
    parser.add_argument('--draws', type=int, default=2)
    parser.add_argument('--only', nargs='*', help='names of variants')
    parser.add_argument('--beds', nargs='*', help='names of beds')
    args = parser.parse_args()
    conftest.DATA = args.data.resolve()
    chosen = {k: v for k, v in variants().items() if not args.only or k in args.only}
    print(f'| bed | tracker | {" | ".join(chosen)} |')
    print('| --- ' * (len(chosen) + 2) + '|')
    for name, runs in beds(args.draws).items():
        if args.beds and name not in args.beds:
            continue
        cells = []
        for function in (None, *chosen.values()):
            scores = []
            for tracks in runs:
                label = tracks.tracklet
                if function is not None:
                    label = function(*tracks.columns).label
                rows = np.ones(len(label), bool)
                if '+' in name:
                    rows = tracks.video == 0
                scores.append(f1(label, tracks, rows))
            cells.append('{:.3f} ({:.2f})'.format(*np.mean(scores, 0)))
        print(f'| {name} | {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
    main()
