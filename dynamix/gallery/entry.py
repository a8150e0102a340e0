from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One entry of a gallery.

    ``path``: of a crop, of the folder of a tracklet, or another name; it is unique.
    ``time``: seconds, of whatever clock. What is not known is None.
    """

    id: int
    path: str
    camera: str | None
    time: float | None
    person: str | None


class Match(NamedTuple):
    """An entry that was found, and its ``score``: the cosine to the query."""

    score: float
    entry: Entry
