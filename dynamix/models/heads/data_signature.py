from __future__ import annotations

import zlib
from typing import Any

from torch import Tensor

from dynamix.models.memory import CameraRows
from dynamix.structures import IdentityTable


def data_signature(table: IdentityTable, rows: CameraRows) -> int:
    """Tells training data from other training data with all likelihood.

    Args:
        table (IdentityTable): Its original labels count, not those of now.
        rows (CameraRows): Rows of the camera memory.

    Returns:
        int: A number above 0.
    """
    value = zlib.crc32(table.original.data)
    value = zlib.crc32(rows.row.data, value)
    value = zlib.crc32(f'{len(table)} {table.num_multi_camera_images}'.encode(), value)
    return value + 1


def forget_other_data(state_dict: dict[str, Any], prefix: str, ours: Tensor) -> bool:
    """Empties the memories in a state dict if they are of other training data.

    Args:
        state_dict (dict): A checkpoint's; changed in place. It has our signature then.
        prefix (str): Of the head's entries.
        ours (Tensor): int64 scalar, the signature of the data at hand.

    Returns:
        bool: Whether they were of other data; False if there is no signature.
    """
    key = f'{prefix}data_signature'
    if key not in state_dict:
        return False
    other = int(state_dict[key]) != int(ours)
    if other:
        for name in ('memory', 'camera_memory'):
            centroids = f'{prefix}{name}.centroids'
            if centroids in state_dict:
                state_dict[centroids] = state_dict[centroids][:0]
    state_dict[key] = ours.clone()
    return other
