from __future__ import annotations

import numpy as np


class SceneRows:
    """Lists the identities of each scene, in compressed rows.

    A scene is what sees the same people: a multi-camera source or a video.

    Args:
        identity (np.ndarray): ``[n]`` integers; -1: without identity.
        scene (np.ndarray): ``[n]`` integers not below 0.

    Raises:
        ValueError: If the arrays differ in length.

    Attributes:
        row (np.ndarray): ``[r]`` int64 identities, by scene; one of several scenes is
            listed in each.
        offset (np.ndarray): ``[scenes + 1]`` int64; those of scene ``s`` are
            ``row[offset[s]:offset[s + 1]]``.
    """

    def __init__(self, identity: np.ndarray, scene: np.ndarray) -> None:
        if np.shape(identity) != np.shape(scene):
            raise ValueError(
                'identity and scene must describe the same images, but have the '
                f'shapes {np.shape(identity)} and {np.shape(scene)}.'
            )
        known = np.asarray(identity) >= 0
        identities = int(np.max(identity, initial=-1)) + 1
        key = np.asarray(scene)[known].astype(np.int64) * identities
        pairs = np.unique(key + np.asarray(identity)[known])
        place, self.row = np.divmod(pairs, max(identities, 1))
        scenes = int(np.max(scene, initial=-1)) + 1
        self.offset = np.searchsorted(place, np.arange(scenes + 1))

    def of(self, scene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Identities of some scenes; the cost is that of what is returned.

        Args:
            scene (np.ndarray): ``[B]`` integers, repetitions allowed; numbers below 0
                are passed over.

        Returns:
            tuple[np.ndarray, np.ndarray]: ``[R]`` int64 identities, and ``[R]`` int64
            scene that each is listed for.
        """
        wanted = np.unique(scene)
        wanted = wanted[wanted >= 0]
        first, last = self.offset[wanted], self.offset[wanted + 1]
        parts = [self.row[a:b] for a, b in zip(first.tolist(), last.tolist())]
        rows = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        return rows, np.repeat(wanted, last - first).astype(np.int64)
