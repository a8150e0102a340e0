"""Registered types of the functions that repair a window's labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from dynamix.config_checks import check_keys
from dynamix.registry import TASK_UTILS
from dynamix.relabeling import Relabeling, relabel, relabel_by_density


@TASK_UTILS.register_module()
class TrackletRelabeler:
    """Repairs the tracklets of each video with :func:`~dynamix.relabeling.relabel`.

    An own relabeler is a registered class that is called with the same arguments.

    Args:
        **options: Keyword options of the function.

    Raises:
        TypeError: If the function has no such option.
    """

    function: Callable[..., Relabeling] = staticmethod(relabel)

    def __init__(self, **options: Any) -> None:
        known = [
            name
            for name, parameter in signature(self.function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]
        check_keys(f'{type(self).__name__}', options, known)
        self._relabel = partial(self.function, **options)

    def __call__(
        self,
        embedding: np.ndarray,
        video: np.ndarray,
        **columns: np.ndarray,
    ) -> Relabeling:
        """Groups the images of a window by person.

        Args:
            embedding (np.ndarray): ``[n, D]``; NaN rows: not readable.
            video (np.ndarray): ``[n]`` integers.
            **columns (np.ndarray): ``tracklet`` and ``frame``, ``[n]`` integers; frame
                -1: unknown.

        Returns:
            Relabeling: Groups and report.
        """
        return self._relabel(embedding, video, **columns)


@TASK_UTILS.register_module()
class DBSCANRelabeler(TrackletRelabeler):
    """Finds people in each video by DBSCAN, without tracklets (ReMix)."""

    function = staticmethod(relabel_by_density)

    def __call__(
        self, embedding: np.ndarray, video: np.ndarray, **columns: np.ndarray
    ) -> Relabeling:
        """Groups the images of a window by density; other columns are not used."""
        return self._relabel(embedding, video)
