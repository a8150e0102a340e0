"""Times relabeling of a window and of one large video, on drawn embeddings.

python benchmarks/scale/relabeling.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from dynamix.relabeling import relabel
from tests.test_relabeling.conftest import make_tracks

CASES = {
    '250 videos, 5 000 tracklets': dict(videos=250, people=10, fragments=2, images=4),
    'one video, 2 000 tracklets': dict(videos=1, people=200, fragments=10, images=4),
}


def main() -> None:
    print('| case | images | dimensions | seconds |')
    print('| --- | --- | --- | --- |')
    for name, shape in CASES.items():
        tracks = make_tracks(noise=0.7, dim=768, **shape)
        report = relabel(*tracks.columns).report
        print(f'| {name} | {report.images} | 768 | {report.seconds:.1f} |', flush=True)


if __name__ == '__main__':
    main()
