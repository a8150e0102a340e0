"""The model: encoder, momentum encoder, data preprocessor."""

from .data_preprocessor import ReIDDataPreprocessor
from .dynamix import DynaMix
from .encoder import ReIDEncoder
from .momentum_encoder import MomentumEncoder

__all__ = ['DynaMix', 'MomentumEncoder', 'ReIDDataPreprocessor', 'ReIDEncoder']
