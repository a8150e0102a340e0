"""Draws sheets of SyntheticPedestrians, to see what the embedded data looks like.

Usage:
    python tools/analysis_tools/browse_synthetic.py [--out work_dirs/synthetic]
        [--domain 0] [--identities 8] [--cameras 4] [--seed 0]

Writes ``people.png`` (a row is an identity, columns are cameras and moments) and
``video.png`` (a row is a tracklet of one video; the colour below a picture is the
person in truth, so a switch or a stray changes colour; grey is nobody).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import mmcv
import numpy as np

from dynamix.datasets.synthetic import SyntheticPedestrians

GAP = 3
BAR = 7


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw sheets of synthetic people')
    parser.add_argument('--out', default='work_dirs/synthetic', help='output folder')
    parser.add_argument('--domain', default='0', help='number or name of the domain')
    parser.add_argument('--identities', type=int, default=8)
    parser.add_argument('--cameras', type=int, default=4)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--height', type=int, default=192, help='of a picture')
    return parser.parse_args()


def paste(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Puts rows of equal pictures on a white sheet; rows may differ in length."""
    height, width = rows[0][0].shape[:2]
    longest = max(map(len, rows))
    shape = (len(rows) * (height + GAP) + GAP, longest * (width + GAP) + GAP, 3)
    sheet = np.full(shape, 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            y, x = GAP + i * (height + GAP), GAP + j * (width + GAP)
            sheet[y : y + height, x : x + width] = picture
    return sheet


def people_sheet(data: SyntheticPedestrians, identities: int) -> np.ndarray:
    """A row for each identity, all its pictures side by side."""
    identity = data.table.identity
    return paste(
        [
            [
                data.get_data_info(row)['img']
                for row in np.flatnonzero(identity == number).tolist()
            ]
            for number in range(identities)
        ]
    )


def video_sheet(data: SyntheticPedestrians) -> np.ndarray:
    """A row for each tracklet, with the truth as a coloured bar below."""
    assert data.truth is not None, 'videos know their truth'
    people = np.unique(data.truth[data.truth >= 0]).tolist()
    hues = np.linspace(0, 180, len(people), endpoint=False).astype(np.uint8)
    colours = cv2.cvtColor(
        np.stack([hues, np.full_like(hues, 220), np.full_like(hues, 220)], -1)[None],
        cv2.COLOR_HSV2BGR,
    )[0]
    rows = []
    for tracklet in range(int(data.table.identity.max()) + 1):
        pictures = []
        for row in np.flatnonzero(data.table.identity == tracklet).tolist():
            picture = data.get_data_info(row)['img'].copy()
            person = int(data.truth[row])
            bar = (128, 128, 128) if person < 0 else colours[people.index(person)]
            picture[-BAR:] = bar
            pictures.append(picture)
        rows.append(pictures)
    return paste(rows)


def main() -> None:
    args = parse_args()
    domain = int(args.domain) if args.domain.lstrip('-').isdigit() else args.domain
    shared = dict(
        domain=domain, seed=args.seed, image_size=(args.height, args.height // 2)
    )
    people = SyntheticPedestrians(
        num_identities=args.identities,
        num_cameras=args.cameras,
        images_per_camera=2,
        **shared,
    )
    video = SyntheticPedestrians(
        'videos',
        num_videos=1,
        people_per_video=(4, 4),
        switch_rate=0.4,
        stray_rate=0.06,
        **shared,
    )
    people.full_init()
    video.full_init()
    for name, sheet in (
        ('people.png', people_sheet(people, args.identities)),
        ('video.png', video_sheet(video)),
    ):
        file = Path(args.out, name)
        mmcv.imwrite(sheet, file)
        print(f'{file}: {sheet.shape[1]} x {sheet.shape[0]} pixels')


if __name__ == '__main__':
    main()
