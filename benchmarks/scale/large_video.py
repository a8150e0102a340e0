"""Time and memory of relabeling when one video is very large.

    OMP_NUM_THREADS=1 python benchmarks/scale/large_video.py

Drawn tracklets of 25 images, 256-d float16; two tracklets at a time share their
frames. Beside the large video there are 20 of 500 images. Each size runs in a process
of its own, whose peak memory beyond what it needed to draw the data is measured.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import numpy as np

from dynamix.relabeling import RelabelRule, relabel, score_labels
from dynamix.relabeling.segments import unit


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def draw(large: int, dim: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    size = np.array([large] + [500] * 20)
    video = np.repeat(np.arange(len(size)), size)
    image = np.arange(len(video))
    tracklet = image // 25
    person = tracklet // 4 * 2 + tracklet % 2
    centre = unit(rng.normal(size=(person.max() + 1, dim)).astype(np.float32))
    embedding = np.empty((len(video), dim), np.float16)
    for start in range(0, len(video), 65536):
        part = slice(start, start + 65536)
        noise = rng.standard_normal((len(person[part]), dim), np.float32)
        embedding[part] = unit(centre[person[part]] + noise * 0.4 / np.sqrt(dim))
    return dict(
        embedding=embedding,
        valid=np.ones(len(video), bool),
        video=video,
        tracklet=tracklet,
        frame=tracklet // 2 * 25 + image % 25,
        person=person,
    )


def measure(large: int, dim: int) -> None:
    data = draw(large, dim)
    person = data.pop('person')
    before = peak_mb()
    result = relabel(**data, rule=RelabelRule(insist=True))
    memory = peak_mb() - before
    here = data['video'] == 0
    f1 = score_labels(result.identity[here], person[here])['f1']
    print(
        f'| {large} | {large // 25} | {result.report.seconds:.2f} | {memory:.0f} | '
        f'{large**2 * 4 / 2**20:.0f} | {f1:.3f} |'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, nargs='+', default=[1000, 10000, 100000])
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--alone', action='store_true', help='measure in this process')
    args = parser.parse_args()
    if args.alone:
        measure(args.images[0], args.dim)
        return
    print('| images | tracklets | s | peak MB | (an n x n matrix, MB) | F1 |')
    print('| --- | --- | --- | --- | --- | --- |', flush=True)
    for images in args.images:
        options = ['--alone', '--images', str(images), '--dim', str(args.dim)]
        subprocess.run([sys.executable, __file__, *options], check=True)


if __name__ == '__main__':
    main()
