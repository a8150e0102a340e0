"""Backbones that other projects pre-trained, named as MMPretrain names them.

``init_cfg=dict(type='Pretrained', checkpoint='reid://PATH')`` reads them; ``PATH`` is
anything that ``Pretrained`` can read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from torch import Tensor

__all__ = ['convert_weights', 'load_from_reid', 'weights_must_fit']

SCHEME = 'reid://'


class Layout(NamedTuple):
    """How the weights of a kind of backbone are named.

    Args:
        kind (str): What to call it.
        anchor (str): A weight that each has.
        stem (str): The first weight.
        own (str): Pattern of the names that belong to it.
        renamed (bool): Whether MMPretrain names them otherwise. Defaults to False.
    """

    kind: str
    anchor: str
    stem: str
    own: str
    renamed: bool = False


LAYOUTS = (
    Layout(
        'ResNet', 'layer1.0.conv1.weight', 'conv1.weight', r'(conv1|bn1|layer\d+)\.'
    ),
    Layout(
        'ViT',
        'blocks.0.attn.qkv.weight',
        'patch_embed.proj.weight',
        r'(cls_token|pos_embed)$|(patch_embed|blocks|norm)\.',
        renamed=True,
    ),
    Layout(
        'ViT of MMPretrain',
        'layers.0.attn.qkv.weight',
        'patch_embed.projection.weight',
        r'(cls_token|pos_embed)$|(patch_embed|layers|ln1)\.',
    ),
)
VIT_NAMES = (
    (r'^(cls_token|pos_embed)$', r'\1'),
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^(patch_embed\.conv\.)', r'\1'),
    (r'^norm\.', 'ln1.'),
    (r'^blocks\.(\d+)\.norm([12])\.', r'layers.\1.ln\2.'),
    (r'^blocks\.(\d+)\.attn\.(qkv|proj)\.', r'layers.\1.attn.\2.'),
    (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
)
# of several encoders in one file, the one to use
PREFERRED = ('teacher', 'encoder_q', 'base_encoder')


def convert_weights(
    checkpoint: Mapping[str, Any], prefix: str | None = None
) -> dict[str, Tensor]:
    """Finds a backbone in a checkpoint and renames its weights.

    Understands ResNets named as in torchvision (IBN-Net's and LUPerson's are) and
    vision transformers named as in timm (those of DINO, MAE, TransReID and, with a
    convolutional stem, TransReID-SSL are) or MMPretrain, in any wrapper:
    ``state_dict``, ``model``, ``module.``, ``backbone.``. Of MoCo's two encoders the
    query encoder is taken, of DINO's two the teacher.
    Whatever is no part of such a backbone is left out, and named in the log.

    Position embeddings are fitted to the image by MMPretrain, which takes those of
    another number of patches for a square.

    Args:
        checkpoint (Mapping[str, Any]): As ``torch.load`` gives it.
        prefix (str, optional): What stands before the names of the backbone's weights,
            such as ``'state_dict.module.encoder_k.'``. Defaults to None: it is found.

    Returns:
        dict[str, Tensor]: For MMPretrain's ``ResNet`` or ``VisionTransformer``, or ours
        of them.

    Raises:
        ValueError: If there is no such backbone, or several to choose from, or it has
            another stem or other blocks.
    """
    weights = dict(_tensors(checkpoint, ''))
    layout, prefix = _find_backbone(weights, prefix)
    inside = {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }
    if layout.stem not in inside:
        raise ValueError(
            f'expected {layout.stem!r} as the stem of a {layout.kind} under '
            f'{prefix!r}, but there is none.'
        )
    result = {name: w for name, w in inside.items() if re.match(layout.own, name)}
    left = sorted({name.split('.')[0] for name in set(inside) - set(result)})
    if layout.renamed:
        result = {_vit_name(name): weight for name, weight in result.items()}
    print_log(
        f'{layout.kind} of {len(result)} tensors found under {prefix!r}; left out: '
        f'{", ".join(left) or "nothing"}.',
        logger='current',
    )
    return result


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_from_reid(filename: str, map_location: str | None = None) -> dict:
    """Reads and converts a checkpoint; see :func:`convert_weights`.

    Args:
        filename (str): ``reid://``, a path or address, and, if several backbones are
            there, ``#`` and the prefix of one.
        map_location (str, optional): As of ``torch.load``. Defaults to None.

    Returns:
        dict: ``state_dict``.

    Raises:
        ValueError: If it has no backbone that can be used; names the file.
    """
    path, _, prefix = filename.removeprefix(SCHEME).partition('#')
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location)
    try:
        return dict(state_dict=convert_weights(checkpoint, prefix or None))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


@contextmanager
def weights_must_fit(backbone: BaseModule) -> Iterator[None]:
    """Within it, a backbone refuses pre-trained weights that do not fit it.

    MMEngine loads what fits, and the rest stays random.

    Args:
        backbone (BaseModule): The backbone; looked at if its ``init_cfg`` names a
            checkpoint.

    Raises:
        ValueError: When they are loaded, if more than half of the weights are missing
            or have another shape; for weights named by ``reid://``, if one does.
            Position embeddings have been fitted by then.
    """
    init_cfg = backbone.init_cfg if isinstance(backbone.init_cfg, dict) else {}
    filename = init_cfg.get('checkpoint') or ''
    if not filename:
        yield
        return
    converted = filename.startswith(SCHEME)

    def check(weights: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
        own = {
            name: tuple(value.shape)
            for name, value in backbone.state_dict().items()
            if not name.endswith('num_batches_tracked')
        }
        there = {name: weights.get(prefix + name) for name in own}
        odd = [
            name
            for name, weight in there.items()
            if weight is None or tuple(weight.shape) != own[name]
        ]
        if len(odd) <= (0 if converted else len(own) / 2):
            return
        weight = there[odd[0]]
        what = 'is missing' if weight is None else f'has {tuple(weight.shape)}'
        advice = (
            f'. Weights of other projects are renamed if the path begins with {SCHEME}'
        )
        raise ValueError(
            f'{filename.removeprefix(SCHEME)} does not fit the backbone, a '
            f'{type(backbone).__name__}: expected {odd[0]!r} of shape {own[odd[0]]}, '
            f'but it {what} ({len(odd)} of {len(own)} weights do not fit)'
            f'{"" if converted else advice}.'
        )

    handle = backbone._register_load_state_dict_pre_hook(check)
    try:
        yield
    finally:
        handle.remove()


def _tensors(node: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Tensor):
            yield f'{prefix}{name}', value
        else:
            yield from _tensors(value, f'{prefix}{name}.')


def _find_backbone(
    weights: dict[str, Tensor], prefix: str | None
) -> tuple[Layout, str]:
    found = [
        (layout, name.removesuffix(layout.anchor))
        for name in weights
        for layout in LAYOUTS
        if f'.{name}'.endswith(f'.{layout.anchor}')
    ]
    if prefix is not None:
        found = [each for each in found if each[1] == prefix]
    if not found:
        names = ', '.join(list(weights)[:4]) or 'no tensors'
        raise ValueError(
            'expected a ResNet named as in torchvision or a vision transformer named '
            f'as in timm{f" under {prefix!r}" if prefix else ""}, but found {names}.'
        )
    for word in PREFERRED:
        chosen = [each for each in found if word in each[1].split('.')]
        if len(chosen) == 1:
            return chosen[0]
    if len(found) > 1:
        names = ', '.join(repr(place) for _, place in found)
        raise ValueError(
            f'expected one backbone, but found {len(found)}, under {names}; choose by '
            'reid://PATH#PREFIX.'
        )
    return found[0]


def _vit_name(name: str) -> str:
    for pattern, new in VIT_NAMES:
        result, changed = re.subn(pattern, new, name)
        if changed:
            return result
    raise ValueError(
        f"{name!r} has no counterpart in MMPretrain's VisionTransformer, which has "
        'plain blocks.'
    )
