from __future__ import annotations

import torch
from torch import Tensor


def contrastive_loss(
    features: Tensor,
    keys: Tensor,
    is_positive: Tensor,
    is_negative: Tensor,
    temperature: float,
) -> tuple[Tensor, Tensor]:
    """Softmax loss of anchors against a few keys, with any number of positives.

    Each positive of an anchor is judged on its own against all negatives:
    ``-log(exp(s_p) / (exp(s_p) + sum over negatives of exp(s_n)))``, and the anchor
    takes the mean over its positives (ours: positives do not compete with each
    other). Keys that are neither positive nor negative are passed over. Computed in
    float32 at least, also under autocast.

    Args:
        features (Tensor): ``[B, D]`` anchors of unit length.
        keys (Tensor): ``[N, D]`` of unit length; get no gradient.
        is_positive (Tensor): ``[B, N]`` bool.
        is_negative (Tensor): ``[B, N]`` bool.
        temperature (float): Above 0; similarities are divided by it.

    Returns:
        tuple[Tensor, Tensor]: ``[B]`` losses, 0 for anchors without a positive or
        without a negative, and ``[B]`` bool, True for anchors with a positive. One
        without a negative takes part: 0 is what the formula gives, and images do not
        weigh more because others of the batch have nobody to differ from.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        similarity = features.to(dtype) @ keys.detach().to(dtype).t() / temperature
        # Finite, so that an anchor without negatives has a gradient of 0, not NaN.
        lowest = torch.finfo(dtype).min / 2
        negatives = similarity.masked_fill(~is_negative, lowest).logsumexp(dim=1)
        gap = negatives[:, None] - similarity
        judged = torch.logaddexp(gap, torch.zeros_like(gap))
        count = is_positive.sum(dim=1)
        total = judged.masked_fill(~is_positive, 0).sum(dim=1)
        return total / count.clamp_min(1), count > 0


def instance_contrastive_loss(
    features: Tensor,
    labels: Tensor,
    keys: Tensor,
    key_labels: Tensor,
    temperature: float = 0.1,
    comparable: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Pulls an image to all images of its identity, its own included.

    Positives are the keys of the anchor's identity, negatives all other labelled
    keys. Source: ReMix, instance loss; the sum over several positives is ours.

    Args:
        features (Tensor): ``[B, D]`` of unit length.
        labels (Tensor): ``[B]`` int64 identities; -1 is no anchor.
        keys (Tensor): ``[N, D]`` momentum embeddings of the batch, unit length.
        key_labels (Tensor): ``[N]`` int64; -1 is neither positive nor negative.
        temperature (float): Defaults to 0.1.
        comparable (Tensor, optional): ``[B, N]`` bool; other pairs are no negatives.
            Defaults to None, all are.

    Returns:
        tuple[Tensor, Tensor]: As :func:`contrastive_loss`.
    """
    labelled = (labels >= 0)[:, None] & (key_labels >= 0)
    same = labels[:, None] == key_labels
    other = labelled & ~same
    if comparable is not None:
        other &= comparable
    return contrastive_loss(features, keys, labelled & same, other, temperature)


def augmentation_contrastive_loss(
    features: Tensor,
    labels: Tensor,
    keys: Tensor,
    key_labels: Tensor,
    own: Tensor,
    temperature: float = 0.1,
    comparable: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Pulls an augmented image to its own image without augmentation.

    The positive is the anchor's own key, negatives are the keys of other identities;
    other keys of its identity are passed over. Source: ReMix, augmentation loss.

    Args:
        features (Tensor): ``[B, D]`` augmented images, unit length.
        labels (Tensor): ``[B]`` int64 identities; -1 is no anchor.
        keys (Tensor): ``[N, D]`` momentum embeddings of the plain images.
        key_labels (Tensor): ``[N]`` int64; -1 is neither positive nor negative.
        own (Tensor): ``[B]`` int64, the key of the anchor's own image.
        temperature (float): Defaults to 0.1.
        comparable (Tensor, optional): ``[B, N]`` bool; other pairs are no negatives.
            Defaults to None, all are.

    Returns:
        tuple[Tensor, Tensor]: As :func:`contrastive_loss`.
    """
    labelled = (labels >= 0)[:, None] & (key_labels >= 0)
    number = torch.arange(len(keys), device=keys.device)
    is_own = labelled & (own[:, None] == number)
    other = labelled & (labels[:, None] != key_labels)
    if comparable is not None:
        other &= comparable
    return contrastive_loss(features, keys, is_own, other, temperature)
