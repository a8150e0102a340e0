"""Centroid memories and the softmax over them, on plain tensors and arrays."""

from .camera_rows import CameraRows
from .centroid_memory import CentroidMemory
from .drawn_negatives import draw_negatives
from .streamed_softmax import streamed_softmax_loss

__all__ = [
    'CameraRows',
    'CentroidMemory',
    'draw_negatives',
    'streamed_softmax_loss',
]
