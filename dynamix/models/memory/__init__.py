from .camera_rows import CameraRows
from .centroid_memory import CentroidMemory
from .streamed_softmax import streamed_softmax_loss

__all__ = ['CameraRows', 'CentroidMemory', 'streamed_softmax_loss']
