"""Backbones that other projects pre-trained, named as MMPretrain names them.

``init_cfg=dict(type='Pretrained', checkpoint='reid://PATH')`` reads them; ``PATH`` is
anything that ``Pretrained`` can read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor

__all__ = ['convert_weights', 'load_reid_weights']

SCHEME = 'reid://'
# a weight that every ResNet, or every ViT, has
ANCHORS = {'ResNet': 'layer1.0.conv1.weight', 'ViT': 'blocks.0.attn.qkv.weight'}
# of several encoders in one file, the one to use
PREFERRED = ('teacher', 'encoder_q', 'base_encoder')
KEPT = {
    'ResNet': re.compile(r'(conv1|bn1|layer\d+)\.'),
    'ViT': re.compile(r'cls_token$|pos_embed$|(patch_embed|blocks|norm)\.'),
}
VIT_NAMES = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^norm\.', 'ln1.'),
    (r'^blocks\.(\d+)\.norm([12])\.', r'layers.\1.ln\2.'),
    (r'^blocks\.(\d+)\.attn\.(qkv|proj)\.', r'layers.\1.attn.\2.'),
    (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
)


def convert_weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Finds a backbone in a checkpoint and renames its weights.

    Understands ResNets named as in torchvision (IBN-Net and LUPerson's ResNet-50 are)
    and vision transformers named as in timm (DINO and TransReID are), in any wrapper:
    ``state_dict``, ``model``, ``module.``, ``backbone.``. Of MoCo's two encoders the
    query encoder is taken, of DINO's two the teacher. Heads are left out.

    Args:
        checkpoint (Mapping[str, Any]): As ``torch.load`` gives it.

    Returns:
        dict[str, Tensor]: For MMPretrain's ``ResNet`` or ``VisionTransformer``.

    Raises:
        ValueError: If there is no such backbone, or several to choose from, or it has
            parts that MMPretrain's has not.
    """
    weights = dict(_tensors(checkpoint, ''))
    kind, prefix = _find_backbone(weights)
    inside = {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }
    result = {name: w for name, w in inside.items() if KEPT[kind].match(name)}
    if kind == 'ViT':
        result = {_vit_name(name): weight for name, weight in result.items()}
    left = sorted(set(inside) - {name for name in inside if KEPT[kind].match(name)})
    print_log(
        f'{kind} of {len(result)} tensors found under {prefix!r}; left out: '
        f'{", ".join(left[:6]) or "nothing"}{", ..." if len(left) > 6 else ""}.',
        logger='current',
    )
    return result


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_reid_weights(filename: str, map_location: str | None = None) -> dict:
    """Reads and converts a checkpoint; see :func:`convert_weights`.

    Args:
        filename (str): ``reid://`` and a path or address.
        map_location (str, optional): As of ``torch.load``. Defaults to None.

    Returns:
        dict: ``state_dict``.

    Raises:
        ValueError: If it has no backbone that can be used; names the file.
    """
    path = filename.removeprefix(SCHEME)
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location)
    try:
        return dict(state_dict=convert_weights(checkpoint))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def _tensors(node: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Tensor):
            yield f'{prefix}{name}', value
        else:
            yield from _tensors(value, f'{prefix}{name}.')


def _find_backbone(weights: dict[str, Tensor]) -> tuple[str, str]:
    found = [
        (kind, name.removesuffix(anchor))
        for name in weights
        for kind, anchor in ANCHORS.items()
        if name == anchor or name.endswith('.' + anchor)
    ]
    if not found:
        names = ', '.join(list(weights)[:4]) or 'no tensors'
        raise ValueError(
            'expected a ResNet named as in torchvision or a vision transformer named '
            f'as in timm, but found {names}.'
        )
    for word in PREFERRED:
        chosen = [(kind, prefix) for kind, prefix in found if word in prefix.split('.')]
        if len(chosen) == 1:
            return chosen[0]
    if len(found) > 1:
        names = ', '.join(repr(prefix) for _, prefix in found)
        raise ValueError(f'expected one backbone, but found {len(found)}: {names}.')
    return found[0]


def _vit_name(name: str) -> str:
    if name in ('cls_token', 'pos_embed'):
        return name
    for pattern, new in VIT_NAMES:
        result, changed = re.subn(pattern, new, name)
        if changed:
            return result
    raise ValueError(
        f"{name!r} has no counterpart in MMPretrain's VisionTransformer, which has "
        'one projection as its stem and plain blocks.'
    )
