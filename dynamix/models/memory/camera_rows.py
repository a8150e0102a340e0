from __future__ import annotations

import numpy as np

NO_ROW = -1


class CameraRows:
    """Numbers the (identity, camera) pairs that occur, in compressed rows.

    Rows are sorted by identity, then camera, so those of an identity are a range and
    no identities x cameras table is needed.

    Args:
        identity (np.ndarray): ``[n]`` integers; identities of labelled images, -1 for
            images without one.
        camera (np.ndarray): ``[n]`` integers not below 0, unique over all sources.
        num_identities (int): Numbers of identities are below this.

    Attributes:
        row (np.ndarray): ``[n + 1]`` int32 pair of each image; -1 without an identity,
            and at the end for images that are not there.
        offset (np.ndarray): ``[num_identities + 2]`` int64; the rows of identity
            ``y`` are ``offset[y]..offset[y + 1] - 1``, those of the last none.
        widest (int): Most cameras of one identity.
    """

    def __init__(
        self, identity: np.ndarray, camera: np.ndarray, num_identities: int
    ) -> None:
        labelled = identity >= 0
        cameras = int(np.max(camera, initial=0)) + 1
        key = identity[labelled].astype(np.int64) * cameras + camera[labelled]
        pairs, row = np.unique(key, return_inverse=True)
        self.row = np.full(len(labelled) + 1, NO_ROW, dtype=np.int32)
        self.row[:-1][labelled] = row
        self.offset = np.searchsorted(pairs // cameras, np.arange(num_identities + 2))
        self.widest = int(np.diff(self.offset).max(initial=0))

    def __len__(self) -> int:
        return int(self.offset[-1])

    def of_images(self, index: np.ndarray) -> np.ndarray:
        """Row of each image.

        Args:
            index (np.ndarray): ``[B]`` int64 images; -1: no image.

        Returns:
            np.ndarray: ``[B]`` int64; -1 for no image, one without an identity, or
            one that is not among the labelled images.
        """
        last = len(self.row) - 1
        place = np.where((index >= 0) & (index < last), index, last)
        return self.row[place].astype(np.int64)

    def rows_of(self, identity: np.ndarray) -> np.ndarray:
        """All rows of some identities.

        Args:
            identity (np.ndarray): ``[B]`` integers; -1, and numbers of no labelled
                identity, have no rows.

        Returns:
            np.ndarray: ``[B, widest]`` int64 rows, filled up with -1.
        """
        known = (identity >= 0) & (identity < len(self.offset) - 2)
        number = np.where(known, identity, len(self.offset) - 2)
        rows = self.offset[number][:, None] + np.arange(self.widest)
        return np.where(rows < self.offset[number + 1][:, None], rows, NO_ROW)
