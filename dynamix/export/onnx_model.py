from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from dynamix.onnx_session import onnx_session
from dynamix.structures import ReIDDataSample

from .fingerprint import DIGITS

IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


class OnnxMetadata(NamedTuple):
    """What an ONNX file says about its model, beside the graph.

    ``input_size``: height and width in pixels. ``mean``, ``std``: of each channel, on
    values from 0 to 255, in the order in which the network sees the channels.
    ``color_order``: of the channels of the input, ``'RGB'`` or ``'BGR'``.
    ``fingerprint``: of the weights, see :func:`weights_fingerprint`.
    """

    model_name: str
    input_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color_order: str
    fingerprint: str

    def to_strings(self) -> dict[str, str]:
        """Returns the fields as an ONNX file holds them; numbers as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self._asdict().items()
        }

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> OnnxMetadata:
        """Reads what :meth:`to_strings` returned."""
        fields: dict[str, Any] = {name: strings[name] for name in cls._fields}
        for name in ('input_size', 'mean', 'std'):
            fields[name] = tuple(json.loads(strings[name]))
        return cls(**fields)


class OnnxModel:
    """An ONNX file as a model that embeds, run by ONNX Runtime.

    A file that dynamix did not write must take RGB images of a fixed size,
    ``[N, 3, H, W]``, normalised by ImageNet's mean and standard deviation; the log
    says that this is assumed.

    Args:
        path (str): The file.
        device (str): ``'cpu'``, or another one to let ONNX Runtime take the best it
            has. Defaults to ``'cpu'``.

    Raises:
        ImportError: If ONNX Runtime is missing.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ONNX model, or not one of images of a fixed size.
    """

    def __init__(self, path: str, device: str = 'cpu') -> None:
        threads = torch.get_num_threads()
        self._session = onnx_session(path, threads, use_gpu=device != 'cpu')
        self._path = path
        taken = self._session.get_inputs()[0]
        self._name = taken.name
        self._is_raw = taken.type == 'tensor(uint8)'
        self._type = np.float16 if taken.type == 'tensor(float16)' else np.float32
        self._batch_size = taken.shape[0] if isinstance(taken.shape[0], int) else None
        strings = self._session.get_modelmeta().custom_metadata_map
        if {*OnnxMetadata._fields} <= strings.keys():
            self.metadata = OnnxMetadata.from_strings(strings)
        else:
            self.metadata = self._assume(taken.shape)

    @property
    def pipeline(self) -> list[dict[str, Any]]:
        """Configs of the transforms that prepare an image for it."""
        return [
            dict(type='LoadReIDImage'),
            dict(type='Resize', scale=self.metadata.input_size[::-1]),
            dict(type='PackReIDInputs'),
        ]

    def test_step(self, data: dict[str, Any]) -> list[ReIDDataSample]:
        """Embeds a batch as the models of MMEngine do.

        Args:
            data (dict): ``inputs``, ``[B, 3, H, W]`` uint8 BGR, and ``data_samples``.

        Returns:
            list[ReIDDataSample]: The samples, each with ``feature``, ``[D]`` float32 of
            unit length.

        Raises:
            ValueError: If the images have another size than the model takes.
        """
        images = data['inputs']
        size = tuple(images.shape[2:])
        if size != self.metadata.input_size:
            height, width = self.metadata.input_size
            raise ValueError(
                f'{self._path} takes images of {height} x {width} pixels, but the test '
                f'pipeline makes {size[0]} x {size[1]}.'
            )
        samples = data['data_samples']
        for sample, feature in zip(samples, self._embed(images)):
            sample.set_data(dict(feature=feature))
        return samples

    def _embed(self, images: Tensor) -> Tensor:
        inputs = self._prepare(images.numpy())
        length = self._batch_size or len(inputs)
        found = []
        for start in range(0, len(inputs), length):
            part = inputs[start : start + length]
            missing = [(0, length - len(part))] + [(0, 0)] * 3
            found += [*self._session.run(None, {self._name: np.pad(part, missing)})[0]]
        features = torch.from_numpy(np.stack(found[: len(inputs)])).float()
        return F.normalize(features.flatten(1), dim=1)

    def _prepare(self, images: np.ndarray) -> np.ndarray:
        if self._is_raw:
            return images.transpose(0, 2, 3, 1)
        if self.metadata.color_order == 'RGB':
            images = images[:, ::-1]
        mean, std = (
            np.array(values, np.float32)[:, None, None]
            for values in (self.metadata.mean, self.metadata.std)
        )
        return ((images - mean) / std).astype(self._type)

    def _assume(self, shape: list[Any]) -> OnnxMetadata:
        """Returns the metadata that a file without them is taken to have."""
        size = shape[2:]
        has_size = [type(number) for number in size] == [int, int]
        if self._is_raw or shape[1:2] != [3] or not has_size:
            raise ValueError(
                f'{self._path} says nothing about its images, so its input must be '
                f'float [N, 3, H, W] with a height and width, but it is '
                f'{"uint8 " if self._is_raw else ""}{shape}.'
            )
        print_log(
            f'{self._path} says nothing about its images: assumed that it takes RGB '
            "normalised by ImageNet's mean and standard deviation.",
            logger='current',
        )
        file = Path(self._path)
        return OnnxMetadata(
            model_name=file.stem,
            input_size=(size[0], size[1]),
            **IMAGENET,
            color_order='RGB',
            fingerprint=hashlib.sha256(file.read_bytes()).hexdigest()[:DIGITS],
        )
