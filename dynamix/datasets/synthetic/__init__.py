"""Synthetic people and an imperfect tracker, drawn on the fly."""

from .synthetic_pedestrians import SyntheticPedestrians

__all__ = ['SyntheticPedestrians']
