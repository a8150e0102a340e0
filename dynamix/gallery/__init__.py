"""People on disk: a gallery of features that is searched and grows."""

from .gallery import Gallery, Match
from .store import Entry

__all__ = ['Entry', 'Gallery', 'Match']
