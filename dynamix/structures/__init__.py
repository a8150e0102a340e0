from .identity_table import IdentityTable
from .reid_data_sample import ReIDDataSample

__all__ = ['IdentityTable', 'ReIDDataSample']
