"""From footage to tracklets: decoding, detection, tracking, crops."""

from .convert_videos import convert_videos
from .detectors import Detector, load_detector
from .tracklet_writer import TrackletOptions
from .video_frames import VideoFrames
from .video_to_tracklets import VideoSummary, video_to_tracklets

__all__ = [
    'Detector',
    'TrackletOptions',
    'VideoFrames',
    'VideoSummary',
    'convert_videos',
    'load_detector',
    'video_to_tracklets',
]
