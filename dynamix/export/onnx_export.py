from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.utils import ShiftWindowMSA
from torch import Tensor, nn

from .fingerprint import weights_fingerprint
from .onnx_model import OnnxMetadata


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
            input_names=['images'],
            output_names=['embeddings'],
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
    # float32 values as the shortest decimals that mean them
    mean, std = (
        tuple(float(str(value)) for value in values.numpy())
        for values in (embedder.mean, embedder.std)
    )
    metadata = OnnxMetadata(
        model_name=model_name,
        input_size=input_size,
        mean=mean,
        std=std,
        color_order='RGB' if embedder.flips and not raw_input else 'BGR',
        fingerprint=weights_fingerprint(model),
    )
    onnx.helper.set_model_props(graph, metadata.to_strings())
    onnx.save(graph, path)
    return metadata


class _Embedder(nn.Module):
    """From images to embeddings of unit length.

    The backbone computes in float16 if ``half``; the neck stays float32, as GeM raises
    its input to a power.
    """

    mean: Tensor
    std: Tensor
    encoder: Any

    def __init__(self, model: Any, half: bool, raw_input: bool) -> None:
        super().__init__()
        self.dtype = torch.float16 if half else torch.float32
        self.encoder = _traceable_copy(model.momentum_encoder.module, self.dtype)
        self.encoder.backbone.to(self.dtype)
        self.raw_input = raw_input
        given = model.data_preprocessor
        known = given._enable_normalize
        self.register_buffer('mean', given.mean.flatten() if known else torch.zeros(3))
        self.register_buffer('std', given.std.flatten() if known else torch.ones(3))
        self.flips = bool(given._channel_conversion)

    def forward(self, images: Tensor) -> Tensor:
        if self.raw_input:
            images = images.flip(3) if self.flips else images
            images = ((images.float() - self.mean) / self.std).permute(0, 3, 1, 2)
        maps = self.encoder.backbone(images.to(self.dtype))
        last = maps if isinstance(maps, Tensor) else maps[-1]
        return F.normalize(self.encoder.embed_maps(last.float()), dim=1)


def _traceable_copy(encoder: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Copies an encoder and replaces what ``torch.export`` cannot trace.

    Before it is exported, it must be run once, which makes the masks of a Swin
    transformer, of type ``dtype``; they become constants.
    """
    copied = deepcopy(encoder)

    @cache
    def mask(*args: Any, **kwargs: Any) -> Tensor | None:
        made = ShiftWindowMSA.get_attn_mask(*args, **kwargs)
        return made if made is None else made.to(dtype)

    module: Any
    for module in copied.modules():
        # mmcv's name of instance normalization, which no Python code can contain
        if getattr(module, 'norm_name', None) == 'in':
            module.norm_name = 'instance_norm'
            module.add_module('instance_norm', module._modules.pop('in'))
        if isinstance(module, ShiftWindowMSA):
            module.window_reverse = _window_reverse
            module.get_attn_mask = mask
    return copied


def _window_reverse(windows: Tensor, height: int, width: int, side: int) -> Tensor:
    """From ``[B * windows, side, side, C]`` to ``[B, height, width, C]``.

    That of MMPretrain would make ``B`` a constant.
    """
    channels = windows.shape[-1]
    grid = (height // side, width // side)
    rows = windows.reshape(-1, *grid, side, side, channels).transpose(2, 3)
    return rows.reshape(-1, height, width, channels)
