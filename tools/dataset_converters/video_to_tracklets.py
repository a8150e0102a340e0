"""Detects and tracks the people in videos and writes crops of them.

    python tools/dataset_converters/video_to_tracklets.py hall.mp4 door.mp4 \\
        --out tracks --detector yolox_nano.onnx

Writes `tracks/<video>/<tracklet>/<frame>.jpg`, which `TrackletFolder` reads with
`frames_are_clock=True`; `tracks/tracklets.csv`, the box and score of each crop; and
`tracks_sheets/<video>.png`, some crops of each tracklet. Frames are counted from 0 as
they are decoded, also where the frame rate varies. Videos that are done are not done
again; one that was interrupted begins anew.

Detectors: an ONNX file in the style of YOLOX (raw outputs, COCO's classes), or the
state dict of a detector of torchvision, named by `--detector-model`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dynamix.footage import TrackletOptions, convert_videos


def parse_args() -> tuple[argparse.Namespace, TrackletOptions]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'videos', nargs='+', type=Path, help='video files, or folders of frames'
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument(
        '--detector', type=Path, required=True, help='.onnx file or state dict'
    )
    parser.add_argument(
        '--detector-model',
        help='of a state dict: fasterrcnn_mobilenet_v3_large_320_fpn or any other of '
        'torchvision.models.detection',
    )
    parser.add_argument(
        '--margin',
        type=float,
        default=TrackletOptions.margin,
        help='share of a box that a crop shows beside it, on each side (%(default)s)',
    )
    parser.add_argument(
        '--min-height',
        type=int,
        default=TrackletOptions.min_height,
        help='least height of a box in pixels (%(default)s)',
    )
    parser.add_argument(
        '--score',
        type=float,
        default=TrackletOptions.score,
        help='least score of a box; a tracklet begins at 0.2 more (%(default)s)',
    )
    parser.add_argument(
        '--min-length',
        type=int,
        default=TrackletOptions.min_length,
        help='least number of crops of a tracklet (%(default)s)',
    )
    parser.add_argument(
        '--every',
        type=int,
        default=TrackletOptions.every,
        metavar='N',
        help='crop every N-th frame; people are tracked in all (about five a second)',
    )
    parser.add_argument(
        '--max-crops',
        type=int,
        default=TrackletOptions.max_crops,
        help='most crops of a tracklet, 0: any number (%(default)s)',
    )
    parser.add_argument(
        '--frame-rate',
        type=float,
        default=25.0,
        help='frames per second of folders of frames (%(default)s)',
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='videos at the same time (%(default)s)'
    )
    args = parser.parse_args()
    for video in args.videos:
        if not video.exists():
            parser.error(f'there is no video {video}')
    if args.workers < 1:
        parser.error(f'--workers {args.workers}: expected at least 1')
    if not args.frame_rate > 0:
        parser.error(f'--frame-rate {args.frame_rate}: expected more than 0')
    names = TrackletOptions.__dataclass_fields__
    try:
        return args, TrackletOptions(**{name: getattr(args, name) for name in names})
    except ValueError as error:
        parser.error(str(error))


def main() -> None:
    args, options = parse_args()
    try:
        crops, failed = convert_videos(
            args.videos,
            args.out,
            args.detector,
            args.detector_model,
            options,
            args.workers,
            args.frame_rate,
        )
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    videos = {video for video, _ in crops}
    median = np.median([*crops.values()]) if crops else 0
    print(
        f'{args.out}: {len(videos)} videos with {len(crops)} tracklets, '
        f'{crops.total()} crops, median {median:g} a tracklet'
    )
    if failed:
        raise SystemExit(f'{len(failed)} videos failed: {", ".join(failed)}')


if __name__ == '__main__':
    main()
