"""Centroid memories and the softmax over them, on plain tensors and arrays."""

from .camera_rows import CameraRows
from .centroid_memory import CentroidMemory
from .streamed_softmax import streamed_softmax_loss

__all__ = [
    'CameraRows',
    'CentroidMemory',
    'streamed_softmax_loss',
]
