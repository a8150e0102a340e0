from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple


class OnnxMetadata(NamedTuple):
    """What an ONNX file says about its model, beside the graph.

    ``input_size``: height and width in pixels. ``mean``, ``std``: of each channel, on
    values from 0 to 255, in the order in which the network sees the channels.
    ``color_order``: of the channels of the input. ``fingerprint``: of the weights, see
    :func:`weights_fingerprint`.
    """

    model_name: str
    input_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color_order: Literal['RGB', 'BGR']
    fingerprint: str

    def to_strings(self) -> dict[str, str]:
        """Returns the fields as an ONNX file holds them; numbers as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self._asdict().items()
        }

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> OnnxMetadata | None:
        """Returns the metadata of a file, or None if it has other or none.

        Args:
            strings (Mapping[str, str]): The file's.
        """
        if not set(cls._fields) <= strings.keys():
            return None
        height, width = json.loads(strings['input_size'])
        return cls(
            model_name=strings['model_name'],
            input_size=(height, width),
            mean=tuple(json.loads(strings['mean'])),
            std=tuple(json.loads(strings['std'])),
            color_order='RGB' if strings['color_order'] == 'RGB' else 'BGR',
            fingerprint=strings['fingerprint'],
        )
