"""People on disk: a gallery of features that is searched and grows."""

from .entry import Entry, Match
from .gallery import Gallery

__all__ = ['Entry', 'Gallery', 'Match']
