"""The head: centroid memories and the losses over them."""

from .centroid_memory_head import CentroidMemoryHead

__all__ = ['CentroidMemoryHead']
