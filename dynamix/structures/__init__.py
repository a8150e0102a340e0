from .identity_table import DROPPED, IdentityTable
from .reid_data_sample import ReIDDataSample

__all__ = ['DROPPED', 'IdentityTable', 'ReIDDataSample']
