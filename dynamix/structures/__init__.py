"""Identity table, data sample, and contiguous numbering."""

from .identity_table import DROPPED, IdentityTable
from .numbers import without_gaps
from .reid_data_sample import ReIDDataSample

__all__ = ['DROPPED', 'IdentityTable', 'ReIDDataSample', 'without_gaps']
