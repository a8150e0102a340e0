from .centroid_memory_head import CentroidMemoryHead

__all__ = ['CentroidMemoryHead']
