"""The identity table, which says who is who now, the data sample, and numbers."""

from .identity_table import DROPPED, IdentityTable
from .numbers import without_gaps
from .reid_data_sample import ReIDDataSample

__all__ = ['DROPPED', 'IdentityTable', 'ReIDDataSample', 'without_gaps']
