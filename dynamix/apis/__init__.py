"""A trained model for use: embed images, search a gallery."""

from .reid_inferencer import ReIDInferencer, SearchResult

__all__ = ['ReIDInferencer', 'SearchResult']
