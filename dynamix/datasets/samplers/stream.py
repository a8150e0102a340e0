from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """What a draw is for; keeps draws with the same other coordinates independent."""

    SOURCE_COUNTS = 0
    SLOT_ORDER = 1
    MULTI_CAMERA_IDENTITY = 2
    CAMERA = 3
    CAMERA_ROTATION = 4
    MULTI_CAMERA_IMAGE = 5
    VIDEO = 6
    VIDEO_IDENTITY = 7
    FILL = 8
    FILL_FROM_ALL = 9
    SINGLE_CAMERA_IMAGE = 10
    AUGMENTATION = 11
