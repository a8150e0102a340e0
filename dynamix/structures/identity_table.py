from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch

DROPPED = -1


class IdentityTable:
    """Current identity of every training image; the only place where labels live.

    Rows are the images of a mixed data set, multi-camera images first. Their labels
    are fixed; those of the single-camera images that follow change with each
    relabeling. Sampler, head and hooks read this one object in the main process.

    Args:
        identity (np.ndarray): ``[N]`` integers; the identity of each image in the
            shared space ``0..C-1``. -1 marks an image without identity. Multi-camera
            identities come first.
        num_multi_camera_images (int): The first so many rows are multi-camera.
        num_multi_camera_identities (int): Numbers below this belong to multi-camera
            identities and to no single-camera image.

    Attributes:
        original (np.ndarray): ``[N]`` int32, read-only: labels before any relabeling.
        num_identities (int): Size ``C`` of the identity space; grows when splits need
            new numbers.

    Raises:
        ValueError: If the two identity ranges overlap or a number is out of range.
    """

    def __init__(
        self,
        identity: np.ndarray,
        num_multi_camera_images: int,
        num_multi_camera_identities: int,
    ) -> None:
        original = np.ascontiguousarray(identity, dtype=np.int32)
        self.num_multi_camera_images = int(num_multi_camera_images)
        self.num_multi_camera_identities = int(num_multi_camera_identities)
        multi, single = np.split(original, [self.num_multi_camera_images])
        count = self.num_multi_camera_identities
        if multi.size and not -1 <= multi.min() <= multi.max() < count:
            raise ValueError(
                f'multi-camera images must have identities in -1..{count - 1}, but '
                f'their range is {multi.min()}..{multi.max()}.'
            )
        self._check_single(single, np.arange(len(multi), len(original)))
        self.original = original
        self.original.setflags(write=False)
        self._identity = original.copy()
        self.num_identities = max(count, int(original.max(initial=-1)) + 1)

    def __len__(self) -> int:
        return len(self._identity)

    @property
    def identity(self) -> np.ndarray:
        """``[N]`` int32, read-only: the identity of each image now; -1: dropped."""
        view = self._identity.view()
        view.setflags(write=False)
        return view

    @property
    def single_camera(self) -> slice:
        """Rows of the single-camera images."""
        return slice(self.num_multi_camera_images, len(self))

    def lookup(self, image_index: np.ndarray) -> np.ndarray:
        """Returns the identities of some images.

        Args:
            image_index (np.ndarray): ``[B]`` rows; -1 stands for no image.

        Returns:
            np.ndarray: ``[B]`` int64; -1 where dropped or no image.
        """
        index = np.asarray(image_index, dtype=np.int64)
        return np.where(index >= 0, self._identity[index], DROPPED).astype(np.int64)

    def set(self, rows: np.ndarray, identity: np.ndarray) -> None:
        """Sets the identities of some single-camera images.

        Args:
            rows (np.ndarray): ``[m]`` different rows in :attr:`single_camera`.
            identity (np.ndarray): ``[m]`` integers, each -1 or at least
                ``num_multi_camera_identities``.

        Raises:
            ValueError: If a row or a number is out of range; nothing is changed then.
        """
        rows, new = np.asarray(rows, np.int64), np.asarray(identity)
        first, end = self.num_multi_camera_images, len(self)
        if len(rows) and not first <= rows.min() <= rows.max() < end:
            raise ValueError(
                f'rows of single-camera images lie in {first}..{end - 1}, but their '
                f'range is {rows.min()}..{rows.max()}.'
            )
        self._check_single(new, rows)
        self._identity[rows] = new
        self.num_identities = max(self.num_identities, int(new.max(initial=-1)) + 1)

    def _check_single(self, identity: np.ndarray, rows: np.ndarray) -> None:
        first = self.num_multi_camera_identities
        wrong = (identity != DROPPED) & (identity < first)
        if wrong.any():
            raise ValueError(
                f'single-camera images must have identity -1 or at least {first}, '
                f'the first number after the multi-camera identities, but image '
                f'{int(rows[wrong.argmax()])} has {int(identity[wrong.argmax()])}.'
            )

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain types for the checkpoint."""
        return dict(
            identity=torch.from_numpy(self._identity.copy()),
            original=zlib.crc32(self.original.data),
            num_multi_camera_images=self.num_multi_camera_images,
            num_multi_camera_identities=self.num_multi_camera_identities,
            num_identities=self.num_identities,
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores :meth:`state_dict`.

        Raises:
            ValueError: If the state belongs to other data.
        """
        # a resumed run reads tensors to its own device
        identity = state['identity'].cpu().numpy()
        ours = self.state_dict()
        if len(identity) != len(self) or any(
            state.get(key, ours[key]) != ours[key]
            for key in (
                'num_multi_camera_images',
                'num_multi_camera_identities',
                'original',
            )
        ):
            raise ValueError(
                f'the checkpoint was made with other training data: {len(identity)} '
                f'images, {state["num_multi_camera_images"]} of them multi-camera; '
                f'this config has {len(self)}, {self.num_multi_camera_images} of them '
                'multi-camera. If these are equal, an image or its label before any '
                'relabeling is another one. Resume with the data the run began with, '
                'or use `load_from` to take the weights alone.'
            )
        self._identity[:] = identity
        self.num_identities = int(state['num_identities'])
