"""Synthetic people and an imperfect tracker, drawn on the fly."""

from .people_layout import PeopleLayout
from .renderer import PedestrianRenderer
from .synthetic_pedestrians import SyntheticPedestrians
from .tracker import TrackerOutput, VideoLayout, track_videos

__all__ = [
    'PedestrianRenderer',
    'PeopleLayout',
    'SyntheticPedestrians',
    'TrackerOutput',
    'VideoLayout',
    'track_videos',
]
