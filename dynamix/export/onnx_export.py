from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fingerprint import embedding_weights, weights_fingerprint
from .onnx_metadata import OnnxMetadata
from .traceable import traceable_copy

INPUT, OUTPUT = 'images', 'embeddings'


def export_onnx(
    model: Any,
    path: str | Path,
    input_size: tuple[int, int],
    model_name: str,
    batch_size: int | None = None,
    opset: int = 18,
    half: bool = False,
    raw_input: bool = False,
) -> OnnxMetadata:
    """Writes the part of a model that embeds as an ONNX file.

    The file takes ``images`` and gives ``embeddings``, ``[N, D]`` float32 of unit
    length. ``images`` are ``[N, 3, H, W]`` float32, normalised; or, as raw input,
    ``[N, H, W, 3]`` uint8 BGR, as OpenCV decodes them.

    Args:
        model (DynaMix): As the config builds it; on the CPU, in evaluation mode.
        path (str | Path): File to write.
        input_size (tuple[int, int]): Height and width in pixels.
        model_name (str): For the metadata.
        batch_size (int, optional): The only number of images that is taken. Defaults
            to None: any.
        opset (int): Version of ONNX's operators. Defaults to 18.
        half (bool): Whether the backbone computes in float16; input, neck and output
            stay float32. Defaults to False.
        raw_input (bool): Whether normalisation and the order of the channels are part
            of the model. Defaults to False.

    Returns:
        OnnxMetadata: What the file says about itself.

    Raises:
        ImportError: If packages for the export are missing.
        ValueError: If the model is of another type, or PyTorch cannot export it or
            not for this opset.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (PyTorch needs it)
    except ImportError as error:
        raise ImportError(
            f'the export needs {error.name}: pip install -e ".[onnx]"'
        ) from error
    if not hasattr(model, 'momentum_encoder'):
        raise ValueError(
            f'a DynaMix can be exported, but the model is a {type(model).__name__}.'
        )
    embedder = _Embedder(model, half, raw_input).eval()
    shape = (*input_size, 3) if raw_input else (3, *input_size)
    kind = torch.uint8 if raw_input else torch.float32
    # An example of one image would be taken for the only number of images.
    example = torch.zeros(batch_size or 2, *shape, dtype=kind)
    with torch.no_grad():
        embedder(example)
    dynamic = ({0: torch.export.Dim('batch')},) if batch_size is None else None
    try:
        program = torch.onnx.export(
            embedder,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=opset,
            dynamic_shapes=dynamic,
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ValueError(f'PyTorch cannot export {model_name}: {error}') from error
    assert program is not None  # for a PyTorch that exports two kinds
    graph = program.model_proto
    found = next(entry.version for entry in graph.opset_import if not entry.domain)
    if found != opset:
        raise ValueError(
            f'PyTorch has no export of {model_name} to opset {opset}, but to {found}.'
        )
    for node in graph.graph.node:  # paths and lines of the code
        del node.metadata_props[:]
    preprocessor = embedder.preprocessor
    metadata = OnnxMetadata(
        model_name=model_name,
        input_size=input_size,
        mean=_numbers(preprocessor.mean),
        std=_numbers(preprocessor.std),
        color_order='RGB' if preprocessor.flips and not raw_input else 'BGR',
        fingerprint=weights_fingerprint(embedding_weights(model)),
    )
    onnx.helper.set_model_props(graph, metadata.to_strings())
    onnx.save(graph, path)
    return metadata


def _numbers(values: Tensor) -> tuple[float, ...]:
    """Returns float32 values as the shortest decimals that mean them."""
    return tuple(float(str(value)) for value in values.numpy())


class _Embedder(nn.Module):
    encoder: Any

    def __init__(self, model: Any, half: bool, raw_input: bool) -> None:
        super().__init__()
        self.dtype = torch.float16 if half else torch.float32
        self.encoder = traceable_copy(model.momentum_encoder.module, self.dtype)
        self.encoder.backbone.to(self.dtype)
        self.preprocessor = _Preprocessor(model.data_preprocessor)
        self.raw_input = raw_input

    def forward(self, images: Tensor) -> Tensor:
        if self.raw_input:
            images = self.preprocessor(images)
        maps: Any = self.encoder.backbone(images.to(self.dtype))
        # The neck stays float32: GeM raises its input to a power.
        if isinstance(maps, Tensor):
            maps = maps.float()
        else:
            maps = tuple(each.float() for each in maps)
        found = self.encoder.neck(maps)
        vectors = found[-1] if isinstance(found, (tuple, list)) else found
        return F.normalize(vectors, dim=1)


class _Preprocessor(nn.Module):
    """The data preprocessor for ``[N, H, W, 3]`` images."""

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessor: Any) -> None:
        super().__init__()
        known = preprocessor._enable_normalize
        mean = preprocessor.mean.flatten() if known else torch.zeros(3)
        std = preprocessor.std.flatten() if known else torch.ones(3)
        self.register_buffer('mean', mean.float())
        self.register_buffer('std', std.float())
        self.flips = bool(preprocessor._channel_conversion)

    def forward(self, images: Tensor) -> Tensor:
        images = images.float()
        if self.flips:
            images = images.flip(3)
        return ((images - self.mean) / self.std).permute(0, 3, 1, 2)
