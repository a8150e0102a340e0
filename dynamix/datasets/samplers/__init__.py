"""The batch sampler, and how a global batch is composed and dealt to ranks."""

from .batch_composer import BatchComposer
from .composition import Composition, MultiCameraPart, SingleCameraPart
from .grouped_rows import GroupedRows
from .mixed_data_sampler import MixedDataSampler
from .multi_camera_composer import MultiCameraComposer
from .single_camera_composer import SingleCameraComposer

__all__ = [
    'BatchComposer',
    'Composition',
    'GroupedRows',
    'MixedDataSampler',
    'MultiCameraComposer',
    'MultiCameraPart',
    'SingleCameraComposer',
    'SingleCameraPart',
]
