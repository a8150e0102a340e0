"""The batch sampler, and how an epoch of global batches is planned."""

from .composition import Composition, MultiCameraPart, SingleCameraPart
from .mixed_data_sampler import MixedDataSampler
from .multi_camera_planner import MultiCameraPlanner
from .single_camera_planner import SingleCameraPlanner
from .walk import Walk

__all__ = [
    'Composition',
    'MixedDataSampler',
    'MultiCameraPart',
    'MultiCameraPlanner',
    'SingleCameraPart',
    'SingleCameraPlanner',
    'Walk',
]
