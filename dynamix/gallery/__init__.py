"""People on disk: a gallery of features that is searched and grows."""

from .gallery import Entry, Gallery, Match

__all__ = ['Entry', 'Gallery', 'Match']
