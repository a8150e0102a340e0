from .camera_rows import CameraRows
from .centroid_memory import CentroidMemory
from .scene_rows import SceneRows
from .streamed_softmax import streamed_softmax_loss

__all__ = ['CameraRows', 'CentroidMemory', 'SceneRows', 'streamed_softmax_loss']
