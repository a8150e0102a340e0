from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .detectors import Detector
from .tracklet_writer import TrackletOptions, TrackletWriter
from .video_frames import VideoFrames

CROPS_PER_SECOND = 5
# Boxes below the begin score only continue a tracklet.
BEGIN_ABOVE_SCORE = 0.2
# Frames at 30 per second without a box after which a tracklet ends. Relabeling joins
# tracklets of one person more reliably than it divides one of two people, so it is low.
LOST_FRAMES = 9


class VideoSummary(NamedTuple):
    """``frames`` that were decoded, ``damage`` of the file (``''``: none), and the
    number of ``crops`` of each tracklet.
    """

    frames: int
    damage: str
    crops: list[int]

    def __str__(self) -> str:
        median = f', median {np.median(self.crops):g} a tracklet' if self.crops else ''
        return (
            f'{self.frames} frames, {len(self.crops)} tracklets, '
            f'{sum(self.crops)} crops{median}{self.damage and "; "}{self.damage}'
        )


def video_to_tracklets(
    frames: VideoFrames,
    name: str,
    out: Path,
    detect: Detector,
    options: TrackletOptions,
    on_frame: Callable[[], object] = lambda: None,
) -> VideoSummary:
    """Detects and tracks the people of a video and writes their crops.

    Writes ``<out>/<name>/<tracklet>/<frame>.jpg`` and their index,
    ``<out>/<name>/tracklets.csv``. The folder takes its name when it is complete.
    Tracking is ByteTrack's (https://arxiv.org/abs/2110.06864), by the package
    ``trackers``.

    Args:
        frames (VideoFrames): The video.
        name (str): Its name.
        out (Path): Folder of the tracklets of all videos.
        detect (Detector): Finds people in an image.
        options (TrackletOptions): What becomes a crop.
        on_frame (Callable[[], object]): Called after each frame.

    Raises:
        ValueError: If no frame can be decoded.
        OSError: If a file cannot be written; names it.
        ImportError: If ``trackers`` is missing.
    """
    tracker = _make_tracker(frames.frame_rate, options.score)
    from supervision import Detections  # comes with it

    unfinished = out / f'.{name}.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    every = options.every or max(1, round(frames.frame_rate / CROPS_PER_SECOND))
    writer = TrackletWriter(unfinished, name, every, options)
    decoded = 0
    try:
        for number, image in frames:
            boxes, scores = detect(image)
            boxes = np.clip(boxes, 0, image.shape[1::-1] * 2)
            likely = scores >= options.score
            found = tracker.update(
                Detections(xyxy=boxes[likely], confidence=scores[likely])
            )
            for box, score, tracklet in zip(
                found.xyxy, found.confidence, found.tracker_id.tolist()
            ):
                if tracklet >= 0:  # else it is not in one yet
                    writer.add(tracklet, number, image, box, score)
            decoded += 1
            on_frame()
        crops = writer.finish()
        unfinished.rename(out / name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return VideoSummary(decoded, frames.damage, crops)


def _make_tracker(frame_rate: float, score: float) -> Any:
    try:
        from trackers import ByteTrackTracker
    except ImportError as error:
        raise ImportError(
            'people are tracked by the package trackers, which is missing: '
            'pip install -e ".[video]"'
        ) from error
    begin = min(score + BEGIN_ABOVE_SCORE, 1.0)
    return ByteTrackTracker(
        lost_track_buffer=LOST_FRAMES,
        frame_rate=frame_rate,
        track_activation_threshold=begin,
        high_conf_det_threshold=begin,
    )
