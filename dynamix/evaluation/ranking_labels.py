from __future__ import annotations

import numpy as np

JUNK = -1


class RankingLabels:
    """Identities of the query and gallery images, and which pairs count.

    The rules of single-query person re-identification:

    * A gallery image of the query's identity under another camera is a *match*.
    * One of the same identity under the same camera is left out of that query's
      ranking, neither right nor wrong. Where no cameras are given, it is a match.
    * The query image itself is always left out, where ``query_image`` and
      ``gallery_image`` say that it stands in the gallery.
    * Gallery images of identity -1 (junk) are left out of every ranking; queries of
      identity -1 are dropped.
    * All other gallery images are wrong answers. That includes distractors: an
      identity that no query has can never match. So identity 0 needs no rule of its
      own: a data set that calls its distractors 0 has no query of identity 0, and in
      a data set where 0 is a person, it is ranked as one.

    Args:
        query_identity (np.ndarray): ``[Q]`` integers; -1 is junk.
        gallery_identity (np.ndarray): ``[G]`` integers; -1 is junk.
        query_camera (np.ndarray, optional): ``[Q]`` integers. Defaults to None.
        gallery_camera (np.ndarray, optional): ``[G]`` integers. Defaults to None.
        query_image (np.ndarray, optional): ``[Q]`` integers, one number an image,
            to find the query in the gallery. Defaults to None.
        gallery_image (np.ndarray, optional): ``[G]`` integers. Defaults to None.
    """

    def __init__(
        self,
        query_identity: np.ndarray,
        gallery_identity: np.ndarray,
        query_camera: np.ndarray | None = None,
        gallery_camera: np.ndarray | None = None,
        query_image: np.ndarray | None = None,
        gallery_image: np.ndarray | None = None,
    ) -> None:
        self.query_identity = np.asarray(query_identity)
        self.gallery_identity = np.asarray(gallery_identity)
        self.camera = query_camera, gallery_camera
        self.image = query_image, gallery_image
        self._order = np.argsort(self.gallery_identity, kind='stable')
        self._sorted = self.gallery_identity[self._order]
        self.junk_columns = np.flatnonzero(self.gallery_identity == JUNK)

    @property
    def num_queries(self) -> int:
        return len(self.query_identity)

    @property
    def num_gallery(self) -> int:
        return len(self.gallery_identity)

    def pairs(
        self, start: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All pairs of one identity for the queries ``start..stop-1``.

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ``[P]`` each,
            sorted by query, then gallery image: the query's row in the block, the
            gallery image's column, whether the pair is a match (the others are to be
            left out), and whether both are the very same image.
        """
        identity = self.query_identity[start:stop]
        first = np.searchsorted(self._sorted, identity, side='left')
        count = np.searchsorted(self._sorted, identity, side='right') - first
        count[identity == JUNK] = 0
        row = np.repeat(np.arange(len(identity)), count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        column = self._order[np.repeat(first, count) + within]
        itself = _equal(*self.image, row + start, column)
        left_out = itself | _equal(*self.camera, row + start, column)
        return row, column, ~left_out, itself


def _equal(
    query: np.ndarray | None,
    gallery: np.ndarray | None,
    row: np.ndarray,
    column: np.ndarray,
) -> np.ndarray:
    if query is None or gallery is None:
        return np.zeros(len(row), dtype=bool)
    return np.asarray(query)[row] == np.asarray(gallery)[column]
