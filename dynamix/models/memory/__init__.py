"""Centroid memories and the streamed softmax over them.

Plain tensors; they know no Runner, no registry and no config.
"""

from .camera_rows import CameraRows
from .centroid_memory import CentroidMemory
from .sampled_negatives import NegativeSample
from .sampled_rows import sampled_rows
from .streamed_softmax import streamed_softmax_loss

__all__ = [
    'CameraRows',
    'CentroidMemory',
    'NegativeSample',
    'sampled_rows',
    'streamed_softmax_loss',
]
