from .people_layout import PeopleLayout
from .renderer import PedestrianRenderer
from .synthetic_pedestrians import SyntheticPedestrians
from .tracker import TrackedImages, VideoLayout, track_videos

__all__ = [
    'PedestrianRenderer',
    'PeopleLayout',
    'SyntheticPedestrians',
    'TrackedImages',
    'VideoLayout',
    'track_videos',
]
