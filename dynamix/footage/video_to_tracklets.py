from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .detectors import Detector
from .tracklet_options import TrackletOptions
from .tracklet_writer import TrackletWriter
from .video_frames import VideoFrames

CROPS_PER_SECOND = 5
# Boxes below the begin score only continue a tracklet.
BEGIN_ABOVE_SCORE = 0.2
# Frames at 30 per second without a box after which a tracklet ends. Relabeling joins
# tracklets of one person more reliably than it divides one of two people, so it is low.
LOST_FRAMES = 9
# Number of the tracklet, box, score.
Tracked = tuple[int, np.ndarray, float]


class VideoSummary(NamedTuple):
    """``frames`` that were decoded, ``damage`` of the file (``''``: none), and the
    number of ``crops`` of each tracklet.
    """

    frames: int
    damage: str
    crops: list[int]


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
    unfinished = out / f'.{name}.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    every = options.every or max(1, round(frames.frame_rate / CROPS_PER_SECOND))
    writer = TrackletWriter(unfinished, name, every, options)
    track = make_tracker(frames.frame_rate, options.score)
    decoded = 0
    try:
        for number, image in frames:
            boxes, scores = detect(image)
            boxes = np.clip(boxes, 0, image.shape[1::-1] * 2)
            likely = scores >= options.score
            for tracklet, box, score in track(boxes[likely], scores[likely]):
                writer.add(tracklet, number, image, box, score)
            decoded += 1
            on_frame()
        writer.finish()
        unfinished.rename(out / name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return VideoSummary(decoded, frames.damage, [*map(len, writer.frames.values())])


def make_tracker(
    frame_rate: float, score: float
) -> Callable[[np.ndarray, np.ndarray], list[Tracked]]:
    """Returns a function from boxes ``[n, 4]`` and scores ``[n]`` of the next frame to
    those that are in tracklets.

    Args:
        frame_rate (float): Frames per second.
        score (float): Least score of a box; see :class:`TrackletOptions`.

    Raises:
        ImportError: If ``trackers`` is missing.
    """
    try:
        from supervision import Detections
        from trackers import ByteTrackTracker
    except ImportError as error:
        raise ImportError(
            'people are tracked by the package trackers, which is missing: '
            'pip install -e ".[video]"'
        ) from error
    begin = min(score + BEGIN_ABOVE_SCORE, 1.0)
    tracker = ByteTrackTracker(
        lost_track_buffer=LOST_FRAMES,
        frame_rate=frame_rate,
        track_activation_threshold=begin,
        high_conf_det_threshold=begin,
    )

    def track(boxes: np.ndarray, scores: np.ndarray) -> list[Tracked]:
        found: Any = tracker.update(Detections(xyxy=boxes, confidence=scores))
        columns = zip(found.tracker_id.tolist(), found.xyxy, found.confidence)
        return [(t, box, float(s)) for t, box, s in columns if t >= 0]

    return track
