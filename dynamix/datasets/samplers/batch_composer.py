from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..counter_random import below, random_bits
from .composition import Composition
from .multi_camera_composer import MultiCameraComposer
from .single_camera_composer import SingleCameraComposer
from .stream import Stream


class BatchComposer:
    """Composes global batches as a pure function of (seed, batch number, labels).

    Nothing is drawn one after another: any batch can be composed alone, at a cost that
    depends on its size and not on the data's. Ours.

    Args:
        composition (Composition): What a batch is made of.
        identity (np.ndarray): ``[N]`` identity of each image now, multi-camera images
            first; -1: never drawn.
        camera (np.ndarray): ``[N]`` camera of each image.
        video (np.ndarray): ``[N]`` video of each image; those of multi-camera images
            are not looked at.
        num_multi_camera_images (int): The first so many rows are multi-camera.
        sources (Sequence[tuple[str, int, int]]): Name, first identity and end of the
            identities of each multi-camera source.
        seed (int): Seed of all draws.

    Raises:
        ValueError: If the data have fewer identities than a batch takes.
    """

    def __init__(
        self,
        composition: Composition,
        identity: np.ndarray,
        camera: np.ndarray,
        video: np.ndarray,
        num_multi_camera_images: int,
        sources: Sequence[tuple[str, int, int]],
        seed: int,
    ) -> None:
        self.composition = composition
        self.seed = seed
        self.multi_camera: MultiCameraComposer | None = None
        self.single_camera: SingleCameraComposer | None = None
        self._video = video
        self._first_row = num_multi_camera_images
        if composition.multi_camera is not None:
            self.multi_camera = MultiCameraComposer(
                identity[: self._first_row],
                camera[: self._first_row],
                sources,
                composition.multi_camera,
                seed,
            )
        self.relabel(identity)

    def relabel(self, identity: np.ndarray) -> None:
        """Takes over new labels of the single-camera images.

        Args:
            identity (np.ndarray): ``[N]`` identity of each image; -1: never drawn.

        Raises:
            ValueError: If fewer identities are left than a batch takes.
        """
        if self.composition.single_camera is not None:
            self.single_camera = SingleCameraComposer(
                identity[self._first_row :],
                self._video[self._first_row :],
                self._first_row,
                self.composition.single_camera,
                self.seed,
            )

    def compose(self, batches: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Draws global batches.

        Args:
            batches (np.ndarray): ``[b]`` batch numbers.
            epoch (int): Where the schedule of the composition stands. Defaults to 0.

        Returns:
            np.ndarray: ``[b, batch_size]`` int64 rows, ordered as
            :class:`Composition` says.
        """
        parts = []
        if self.multi_camera is not None:
            parts.append(self.multi_camera.compose(batches))
        if self.single_camera is not None:
            balance = self.single_camera.part.balance(epoch)
            parts.append(self.single_camera.compose(batches, balance))
        return np.concatenate(parts, axis=1)

    def augmentation_seeds(
        self, batches: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """Seeds of the images' augmentations.

        Args:
            batches (np.ndarray): ``[b]`` batch numbers.
            columns (np.ndarray): ``[c]`` places in the global batch.

        Returns:
            np.ndarray: ``[b, c]`` int64 in ``0..2**32-1``; they depend on the seed and
            on the position in the stream of global batches alone.
        """
        position = batches[:, None] * self.composition.batch_size + columns
        return below(random_bits(self.seed, Stream.AUGMENTATION, position), 2**32)
