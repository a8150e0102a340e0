"""The identity table, which says who is who now, and the data sample."""

from .identity_table import DROPPED, IdentityTable
from .reid_data_sample import ReIDDataSample

__all__ = ['DROPPED', 'IdentityTable', 'ReIDDataSample']
