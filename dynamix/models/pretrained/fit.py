from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.logging import print_log
from mmpretrain.models.backbones import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from dynamix.models.backbones.vit_ics import STEM_STRIDE

from .load import SCHEME, Address, parse_address

# sides, in pixels, of the square images that ViTs are pre-trained on
SQUARE_SIDES = (224, 336, 384, 448, 512, 518)
# computed from the architecture, or counted: no weights
DERIVED = ('num_batches_tracked', 'relative_position_index')


@contextmanager
def weights_must_fit(module: nn.Module) -> Iterator[None]:
    """Refuse pre-trained weights that do not fit, while ``module`` is initialized.

    MMEngine loads what fits, and the rest stays random. Position embeddings of
    another grid of patches are resized before. Their grid is taken from the address
    (``reid://PATH?grid=16x8``), or is square where that makes an image of a usual size.

    Args:
        module (nn.Module): Backbone or neck; checked if its ``init_cfg`` names a
            checkpoint.

    Raises:
        ValueError: When they are loaded. For weights named by ``reid://`` or
            ``reid-neck://``: if one is missing, has another shape, or has no place in
            the module. For others: if more than half are missing or of another shape.
            If the grid of position embeddings is unknown.
    """
    init_cfg = getattr(module, 'init_cfg', None)
    filename = init_cfg.get('checkpoint') if isinstance(init_cfg, dict) else None
    if not filename:
        yield
        return
    address = parse_address(filename)

    def check(weights: dict[str, Tensor], prefix: str, *_: Any) -> None:
        needed = {'pos_embed', 'patch_embed.projection.weight'}
        if isinstance(module, VisionTransformer) and needed <= weights.keys():
            _fit_position_embeddings(weights, module, address)
        _check(weights, module, address)

    handle = module._register_load_state_dict_pre_hook(check)
    hooks = module._load_state_dict_pre_hooks
    for key in [key for key in hooks if key != handle.id]:
        # after ours: MMPretrain's own takes each grid for a square
        hooks[key] = hooks.pop(key)
    try:
        yield
    finally:
        handle.remove()


def _check(weights: dict[str, Tensor], module: nn.Module, address: Address) -> None:
    own = {
        name: tuple(value.shape)
        for name, value in module.state_dict().items()
        if not name.endswith(DERIVED)
    }
    found = {name: tuple(w.shape) for name, w in weights.items()}
    missing = [
        f'{name!r} of shape {shape}, but it is missing'
        for name, shape in own.items()
        if name not in found
    ]
    reshaped = [
        f'{name!r} of shape {shape}, but it has {found[name]}'
        for name, shape in own.items()
        if found.get(name, shape) != shape
    ]
    surplus = [
        f'no {name!r}, but it is there'
        for name in found
        if name not in own and not name.endswith(DERIVED)
    ]
    unfit = missing + reshaped + (surplus if address.converted else [])
    matched = len(own) - len(missing) - len(reshaped)
    counts = (
        f'{matched} of {len(own)} weights match, {len(missing)} are missing, '
        f'{len(reshaped)} have another shape, {len(surplus)} have no place'
    )
    name = type(module).__name__
    if len(unfit) > (0 if address.converted else len(own) / 2):
        advice = (
            ''
            if address.converted
            else f' Weights of other projects are renamed if the path begins with '
            f'{SCHEME}.'
        )
        raise ValueError(
            f'{address.path} does not fit the {name}: expected {unfit[0]} ({counts}).'
            f'{advice}'
        )
    print_log(f'{address.path} in the {name}: {counts}.', logger='current')


def _fit_position_embeddings(
    weights: dict[str, Tensor], backbone: VisionTransformer, address: Address
) -> None:
    embeddings = weights['pos_embed']
    num_extra = 1 if 'cls_token' in weights else 0
    num_patches = embeddings.shape[1] - num_extra
    target = tuple(backbone.patch_embed.init_out_size)
    same = num_patches == math.prod(target)
    source = address.grid or (target if same else _square_grid(num_patches, weights))
    if source is None or math.prod(source) != num_patches:
        raise ValueError(
            f'{address.path}: its {num_patches} position embeddings do not fit the '
            f"backbone's grid of {target[0]} x {target[1]} patches; expected the grid "
            f'that they were trained on, by {SCHEME}{address.path}?grid=ROWSxCOLUMNS'
            f'{f", but got {source[0]}x{source[1]}" if source else ""}.'
        )
    weights['pos_embed'] = resize_pos_embed(
        embeddings, source, target, backbone.interpolate_mode, num_extra
    )


def _square_grid(
    num_patches: int, weights: Mapping[str, Tensor]
) -> tuple[int, int] | None:
    side = math.isqrt(num_patches)
    patch_size = weights['patch_embed.projection.weight'].shape[-1]
    if 'patch_embed.conv.0.weight' in weights:
        patch_size *= STEM_STRIDE
    if side * side == num_patches and side * patch_size in SQUARE_SIDES:
        return side, side
    return None
