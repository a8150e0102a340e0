from __future__ import annotations

import torch
from torch import Tensor


def batch_logits(features: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Similarities over temperature, in float32 at least, also under autocast.

    Args:
        features (Tensor): ``[B, D]`` anchors of unit length.
        keys (Tensor): ``[N, D]`` of unit length, or ``[B, N, D]`` keys of each
            anchor; get no gradient.
        temperature (float): Above 0.

    Returns:
        Tensor: ``[B, N]``.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    features, keys = features.to(dtype), keys.detach().to(dtype)
    with torch.autocast(features.device.type, enabled=False):
        if keys.ndim == 2:
            return features @ keys.t() / temperature
        return (keys @ features[:, :, None]).squeeze(2) / temperature


def contrastive_loss(
    logits: Tensor,
    is_positive: Tensor,
    is_negative: Tensor,
    shared_denominator: bool = False,
) -> tuple[Tensor, Tensor]:
    """Softmax loss of anchors with any number of positives, the mean over them.

    Each positive is compared with all negatives alone:
    ``-log(exp(s_p) / (exp(s_p) + sum over negatives of exp(s_n)))`` (ours); with
    ``shared_denominator`` the sum is over the other positives, too. Keys that are
    neither positive nor negative are ignored.

    Args:
        logits (Tensor): ``[B, N]``, float32 at least.
        is_positive (Tensor): ``[B, N]`` bool.
        is_negative (Tensor): ``[B, N]`` bool.
        shared_denominator (bool): Positives compete with each other. Defaults to
            False.

    Returns:
        tuple[Tensor, Tensor]: ``[B]`` losses, 0 for anchors without a positive, and
        ``[B]`` bool, True for anchors with a positive. One without a negative takes
        part: 0 is what the formula gives.
    """
    # Finite, so that an anchor without any has a gradient of 0, not NaN.
    lowest = torch.finfo(logits.dtype).min / 2
    others = is_negative | is_positive if shared_denominator else is_negative
    gap = logits.masked_fill(~others, lowest).logsumexp(dim=1, keepdim=True) - logits
    if not shared_denominator:
        gap = torch.logaddexp(gap, torch.zeros_like(gap))
    count = is_positive.sum(dim=1)
    total = gap.masked_fill(~is_positive, 0).sum(dim=1)
    return total / count.clamp_min(1), count > 0
