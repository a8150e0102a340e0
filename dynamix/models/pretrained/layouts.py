"""How other projects name and lay out the weights of a backbone or a neck."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]
Names = tuple[tuple[str, str], ...]
# of SOLIDER's two kinds of features, the share of the semantic one that its authors
# use for Re-ID
SEMANTIC_WEIGHT = 0.2
NOT_DERIVED = r'(?!.*\.(relative_position_index|attn_mask)$)'


class Layout(NamedTuple):
    """How one kind of backbone or neck is stored.

    Args:
        kind (str): Its name in messages.
        anchor (str): Name of a weight by which it is found.
        own (str): Pattern of the names that belong to it; others are left out.
        names (tuple[tuple[str, str], ...]): Patterns of names and their replacements
            in MMPretrain's or our module, the first that matches counts; a name
            without one stays.
        convert (Callable, optional): Changes what renaming cannot, after it.
            Defaults to None.
    """

    kind: str
    anchor: str
    own: str
    names: Names = ()
    convert: Callable[[Weights], Weights] | None = None


def convert_clip_vit(weights: Weights) -> Weights:
    """Adds the batch dimension of class token and position embeddings."""
    width = weights['cls_token'].numel()
    for name in ('cls_token', 'pos_embed'):
        weights[name] = weights[name].reshape(1, -1, width)
    return weights


def convert_swin(weights: Weights) -> Weights:
    """Reorders the inputs of patch merging.

    The original concatenates the four pixels of a square column by column, each with
    all its channels; mmcv has the four pixels of a channel side by side, row by row.
    """
    for name, weight in weights.items():
        if '.downsample.' in name:
            pixels = weight.reshape(*weight.shape[:-1], 4, -1)
            pixels = pixels[..., [0, 2, 1, 3], :]
            weights[name] = pixels.transpose(-1, -2).reshape(weight.shape)
    return weights


def convert_solider(weights: Weights) -> Weights:
    """Folds SOLIDER's semantic controller into the patch merging of its stage.

    It scales and shifts the output of each patch merging by vectors that depend on
    the semantic weight alone.
    """
    inputs = torch.tensor([SEMANTIC_WEIGHT, 1 - SEMANTIC_WEIGHT])
    embeddings = {
        name: weights.pop(name) for name in list(weights) if 'semantic' in name
    }
    stages = sum(name.endswith('reduction.weight') for name in weights)
    for i in range(stages if embeddings else 0):
        scale, shift = (
            embeddings[f'semantic_embed_{kind}.{i}.weight'].float() @ inputs
            + embeddings[f'semantic_embed_{kind}.{i}.bias'].float()
            for kind in 'wb'
        )
        name = f'stages.{i}.downsample.reduction'
        weights[f'{name}.weight'] = (
            weights[f'{name}.weight'] * F.softplus(scale)[:, None]
        )
        weights[f'{name}.bias'] = shift
    return weights


def convert_osnet(weights: Weights) -> Weights:
    """Renames the first norm of torchreid where it is instance normalization."""
    if 'conv1.bn.running_mean' in weights:
        return weights
    return {re.sub(r'^conv1\.bn\.', 'conv1.in.', k): w for k, w in weights.items()}


OSNET_NAMES: Names = (
    (r'^conv([23])\.2\.0\.', r'pool\1.0.'),
    (r'\.gate\.fc([12])\.', r'.gate.conv\1.conv.'),
    (r'\.conv2a\.', '.conv2.0.0.'),
    (r'\.conv2b\.', '.conv2.1.'),
    (r'\.conv2c\.', '.conv2.2.'),
    (r'\.conv2d\.', '.conv2.3.'),
    (r'\.conv2\.(\d)\.layers\.', r'.conv2.\1.'),
)
CLIP_RESNET_NAMES: Names = (
    (r'^(conv|bn)1\.', r'stem.0.\1.'),
    (r'^(conv|bn)2\.', r'stem.1.\1.'),
    (r'^(conv|bn)3\.', r'stem.2.\1.'),
)
SWIN_NAMES: Names = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^norm\.', 'norm3.'),
    (r'^layers\.(\d+)\.blocks\.(\d+)\.attn\.', r'stages.\1.blocks.\2.attn.w_msa.'),
    (
        r'^layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc1\.',
        r'stages.\1.blocks.\2.ffn.layers.0.0.',
    ),
    (
        r'^layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc2\.',
        r'stages.\1.blocks.\2.ffn.layers.1.',
    ),
    (r'^layers\.', 'stages.'),
)
VIT_NAMES: Names = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^norm\.', 'ln1.'),
    (r'^register_tokens$', 'pre_norm.tokens'),
    (r'^blocks\.(\d+)\.norm([12])\.', r'layers.\1.ln\2.'),
    (r'^blocks\.(\d+)\.ls1\.gamma$', r'layers.\1.attn.gamma1.weight'),
    (r'^blocks\.(\d+)\.ls2\.gamma$', r'layers.\1.ffn.gamma2.weight'),
    (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
    (r'^blocks\.', 'layers.'),
)
CLIP_VIT_NAMES: Names = (
    (r'^class_embedding$', 'cls_token'),
    (r'^positional_embedding$', 'pos_embed'),
    (r'^conv1\.', 'patch_embed.projection.'),
    (r'^ln_pre\.', 'pre_norm.'),
    (r'^ln_post\.', 'ln1.'),
    (r'^transformer\.resblocks\.(\d+)\.ln_([12])\.', r'layers.\1.ln\2.'),
    (r'^transformer\.resblocks\.(\d+)\.attn\.in_proj_', r'layers.\1.attn.qkv.'),
    (r'^transformer\.resblocks\.(\d+)\.attn\.out_proj\.', r'layers.\1.attn.proj.'),
    (r'^transformer\.resblocks\.(\d+)\.mlp\.c_fc\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^transformer\.resblocks\.(\d+)\.mlp\.c_proj\.', r'layers.\1.ffn.layers.1.'),
)
# The first whose anchor is in a file is taken: CLIP's ResNet has layers as any ResNet.
LAYOUTS = (
    Layout(
        'OSNet',
        'conv5.conv.weight',
        r'(conv[1-5]|pool[23])\.',
        OSNET_NAMES,
        convert_osnet,
    ),
    Layout(
        'ResNet of CLIP',
        'attnpool.c_proj.weight',
        r'(conv|bn|layer)\d\.',
        CLIP_RESNET_NAMES,
    ),
    Layout(
        'ResNet',
        'layer1.0.conv1.weight',
        r'(stem|conv1|bn1|layer\d|NL_\d)\.',
    ),
    Layout(
        'ViT of CLIP',
        'class_embedding',
        r'(class_embedding|positional_embedding)$|(conv1|ln_pre|transformer|ln_post)\.',
        CLIP_VIT_NAMES,
        convert_clip_vit,
    ),
    Layout(
        'Swin',
        'layers.0.blocks.0.attn.qkv.weight',
        rf'{NOT_DERIVED}(patch_embed|layers|norm3?)\.',
        SWIN_NAMES,
        convert_swin,
    ),
    Layout(
        'Swin of MMPretrain',
        'stages.0.blocks.0.attn.w_msa.qkv.weight',
        rf'{NOT_DERIVED}(patch_embed|stages|norm3|semantic_embed_[wb])\.',
        convert=convert_solider,
    ),
    Layout(
        'ViT',
        'pos_embed',
        r'(cls_token|pos_embed|register_tokens)$'
        r'|(patch_embed|blocks|norm|layers|pre_norm|ln[12])\.',
        VIT_NAMES,
    ),
)

NECKS = (
    Layout(
        'fully connected layer of torchreid (for a LinearNeck)',
        'fc.1.running_mean',
        r'fc\.[01]\.',
        ((r'^fc\.0\.', 'fc.'), (r'^fc\.1\.', 'norm.')),
    ),
    Layout(
        'fully connected layer of ISR (for a LinearNeck without norm)',
        'feat.weight',
        r'feat\.',
        ((r'^feat\.', 'fc.'),),
    ),
    Layout(
        'batch normalization of fast-reid (for a BNNeck)',
        'heads.bottleneck.0.running_mean',
        r'heads\.bottleneck\.0\.',
        ((r'^heads\.bottleneck\.0\.', 'norm.'),),
    ),
    Layout(
        'batch normalization of TransReID (for a BNNeck)',
        'bottleneck.running_mean',
        r'bottleneck\.',
        ((r'^bottleneck\.', 'norm.'),),
    ),
)
