"""The neck between backbone and embedding."""

from .bn_neck import BNNeck

__all__ = ['BNNeck']
