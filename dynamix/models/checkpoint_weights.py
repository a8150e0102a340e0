from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

MOMENTUM_ENCODER = 'momentum_encoder.'
_AVERAGED = f'{MOMENTUM_ENCODER}module.'


def with_encoder(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Returns weights with the encoder that published ones lack.

    Published weights are those of the momentum encoder alone; training goes on from
    an encoder that equals it.

    Args:
        weights (Mapping[str, Any]): By name, without ``module.``.
    """
    encoder = {}
    if not any(name.startswith('encoder.') for name in weights):
        encoder = {
            f'encoder.{name.removeprefix(_AVERAGED)}': weight
            for name, weight in weights.items()
            if name.startswith(_AVERAGED)
        }
    return {**weights, **encoder}


def checkpoint_weights(
    checkpoint: Mapping[str, Any],
    model: nn.Module,
    source: str,
    owner: str = 'this config',
    partly: bool = False,
) -> dict[str, Tensor]:
    """Takes the weights of a model out of a checkpoint, if they fit.

    MMEngine loads what fits and warns about the rest, and the model stays half random.
    The head is left out on both sides: the size of its memories follows the data. If
    the encoder is missing as in published weights, see :func:`with_encoder`.

    Args:
        checkpoint (Mapping[str, Any]): Weights by name, or what has them as
            ``state_dict``; names may begin with ``module.``.
        model (nn.Module): Out of its DDP wrapper.
        source (str): What errors call the checkpoint.
        owner (str): What the model is of, in errors. Defaults to ``'this config'``.
        partly (bool): Whether either side may have weights that the other lacks.
            Defaults to False.

    Returns:
        dict[str, Tensor]: By their names in the model.

    Raises:
        ValueError: If it is no mapping, no weight fits, or one has another shape or is
            missing on one side; names the first.
    """
    if not isinstance(checkpoint, Mapping):
        kind = type(checkpoint).__name__
        raise ValueError(f'{source} must hold weights by name, but holds a {kind}.')
    theirs = {
        key.removeprefix('module.'): value
        for key, value in checkpoint.get('state_dict', checkpoint).items()
    }
    theirs = with_encoder(theirs)
    theirs = {k: value for k, value in theirs.items() if not k.startswith('head.')}
    # Not model.state_dict(): the head would gather its memories from all ranks.
    ours: dict[str, Tensor] = {}
    model._save_to_state_dict(ours, '', keep_vars=False)
    for name, child in model.named_children():
        if name != 'head':
            child.state_dict(destination=ours, prefix=f'{name}.')
    common = ours.keys() & theirs.keys()
    if not common:
        raise ValueError(
            f'no weight of {source} fits the model of {owner}: it has e.g. '
            f'{sorted(theirs)[:3]}, the model e.g. {sorted(ours)[:3]}. A backbone '
            'alone is loaded by model.backbone.init_cfg=dict(type="Pretrained", '
            'checkpoint=...).'
        )
    compared = common if partly else ours.keys() | theirs.keys()
    wrong = sorted(k for k in compared if _shape(theirs, k) != _shape(ours, k))
    if wrong:
        raise ValueError(
            f'{source} does not fit the model of {owner}: {len(wrong)} of '
            f"{len(compared)} weights differ, the first is '{wrong[0]}': "
            f'{_shape(theirs, wrong[0])} in the checkpoint, {_shape(ours, wrong[0])} '
            'in the model.'
        )
    return {key: theirs[key] for key in common}


def _shape(weights: Mapping[str, Tensor], key: str) -> str:
    return str(list(weights[key].shape)) if key in weights else 'absent'
