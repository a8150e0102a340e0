from __future__ import annotations

import numpy as np

JUNK = -1


class RankingLabels:
    """Identities of the query and gallery images, and which pairs count.

    The rules of single-query person re-identification:

    * A gallery image of the query's identity under another camera is a *match*.
    * One of the same identity under the same camera is left out of that query's
      ranking, neither right nor wrong. With ``camera_aware=False`` it is a match.
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
        query_camera (np.ndarray, optional): ``[Q]`` integers. Needed if
            ``camera_aware``. Defaults to None.
        gallery_camera (np.ndarray, optional): ``[G]`` integers. Defaults to None.
        query_image (np.ndarray, optional): ``[Q]`` integers, one number an image,
            to find the query in the gallery. Defaults to None.
        gallery_image (np.ndarray, optional): ``[G]`` integers. Defaults to None.
        camera_aware (bool): Whether matches must come from another camera. Defaults
            to True.

    Raises:
        ValueError: If a part is missing or its length is wrong.
    """

    def __init__(
        self,
        query_identity: np.ndarray,
        gallery_identity: np.ndarray,
        query_camera: np.ndarray | None = None,
        gallery_camera: np.ndarray | None = None,
        query_image: np.ndarray | None = None,
        gallery_image: np.ndarray | None = None,
        camera_aware: bool = True,
    ) -> None:
        self.query_identity = np.asarray(query_identity)
        self.gallery_identity = np.asarray(gallery_identity)
        self.camera_aware = camera_aware
        if camera_aware and (query_camera is None or gallery_camera is None):
            raise ValueError(
                'camera_aware=True needs query_camera and gallery_camera; without '
                'cameras set camera_aware=False.'
            )
        self.camera = self._pair_of('camera', query_camera, gallery_camera)
        self.image = self._pair_of('image', query_image, gallery_image)
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
        itself = self._equal(self.image, row + start, column)
        left_out = itself
        if self.camera_aware:
            left_out = itself | self._equal(self.camera, row + start, column)
        return row, column, ~left_out, itself

    @staticmethod
    def _equal(
        values: tuple[np.ndarray, np.ndarray] | None,
        query: np.ndarray,
        column: np.ndarray,
    ) -> np.ndarray:
        if values is None:
            return np.zeros(len(query), dtype=bool)
        return values[0][query] == values[1][column]

    def _pair_of(
        self, what: str, query: np.ndarray | None, gallery: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray] | None:
        if query is None or gallery is None:
            return None
        for side, values, expected in (
            ('query', query, self.num_queries),
            ('gallery', gallery, self.num_gallery),
        ):
            if np.shape(values) != (expected,):
                raise ValueError(
                    f'{side}_{what} must have shape ({expected},), as many as '
                    f'{side}_identity, but has {np.shape(values)}.'
                )
        return np.asarray(query), np.asarray(gallery)
