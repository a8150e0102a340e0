from .reid_inferencer import ReIDInferencer, SearchResult

__all__ = ['ReIDInferencer', 'SearchResult']
