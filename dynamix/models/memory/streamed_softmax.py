from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .sampled_negatives import NegativeSample, negative_statistics
from .softmax_backend import check_backend
from .softmax_statistics import SoftmaxStatistics, centroid_sum


class _KnownGradient(torch.autograd.Function):
    """Gives a loss per anchor the gradient that was found along with it."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        ctx.dtype = features.dtype
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return (upstream[:, None] * gradient).to(ctx.dtype), None, None


def streamed_softmax_loss(
    features: Tensor,
    centroids: Tensor,
    positives: Tensor,
    temperature: float,
    *,
    valid: Tensor | None = None,
    excluded: Tensor | None = None,
    label_smoothing: float = 0.0,
    topk: int | None = None,
    sample: NegativeSample | None = None,
    chunk_size: int | None = None,
    backend: str = 'torch',
) -> Tensor:
    """Cross-entropy of features against any number of centroids.

    The centroids are read once, ``chunk_size`` rows at a time, so the ``[B, C]``
    logits never exist. They carry no gradient. The gradient of the features is found
    in the same pass, as the running softmax average of the centroids; the backward
    only scales it, so the centroids may change in place between the two.

    An anchor with several positives takes the mean over them of
    ``-log(exp(s_p) / (exp(s_p) + sum over negatives of exp(s_n)))``: a positive
    competes with the negatives, not with the other positives (ours). With one
    positive that is the plain cross-entropy.

    Under autocast the products are computed in autocast's dtype, else in the
    features' (float32 at least), whatever the centroids are stored in. Statistics,
    loss and gradient are float32, or float64 if the features are.

    Args:
        features (Tensor): ``[B, D]`` floating point, usually of unit length.
        centroids (Tensor): ``[C, D]`` floating point, finite; also rows not ``valid``.
        positives (Tensor): ``[B]`` or ``[B, K]`` int64 rows of ``centroids``, those
            of an anchor distinct; -1 fills up. An anchor without a valid positive
            has loss 0 and gradient 0.
        temperature (float): Above 0; logits are divided by it.
        valid (Tensor, optional): ``[C]`` bool; the other centroids are neither
            positive nor negative. Defaults to None, all are valid.
        excluded (Tensor, optional): ``[B, M]`` int64 rows that are no negatives of
            the anchor, beside its positives; -1 fills up. Defaults to None.
        label_smoothing (float): Share of the target spread evenly over all valid
            centroids, in ``[0, 1)``. Defaults to 0.0.
        topk (int, optional): Only so many negatives of each anchor count, the most
            similar ones. Defaults to None, all of them.
        sample (NegativeSample, optional): Stand for all negatives. Defaults to None.
        chunk_size (int, optional): Centroids at a time. Defaults to None: 2048 on a
            CPU, 32768 elsewhere, ``2**24 / B`` with Triton.
        backend (str): ``'torch'``; ``'triton'``, which forms a chunk's softmax in one
            kernel on a CUDA device; or ``'auto'``, which chooses. With Triton, vectors
            must be of unit length at most: an anchor with too large a logit gets NaN.
            Where the kernel lacks an option (``topk``, float64, a temperature so low
            that logits are not bounded by 57, in float16 by 9.5) PyTorch serves.
            Defaults to ``'torch'``.

    Returns:
        Tensor: ``[B]`` float32 (or float64) loss of each anchor.

    Raises:
        ValueError: If an argument is out of range, or ``label_smoothing`` is combined
            with ``excluded``, ``topk`` or ``sample``, or those with each other.
        RuntimeError: If ``backend='triton'`` cannot run at all.
    """
    check_options(temperature, label_smoothing, excluded, topk, sample, chunk_size)
    check_backend(backend, features.device)
    wanted = torch.is_grad_enabled() and features.requires_grad
    with torch.no_grad():
        positives = positives[:, None] if positives.dim() == 1 else positives
        no_negatives = (
            positives if excluded is None else torch.cat([positives, excluded], dim=1)
        )
        statistics = negative_statistics(
            features,
            centroids,
            temperature,
            sample,
            valid=valid,
            excluded=no_negatives,
            topk=topk,
            with_weighted=wanted,
            chunk_size=chunk_size,
            backend=backend,
        )
        rows = positives.clamp_min(0)
        is_positive = positives >= 0
        if valid is not None:
            is_positive = is_positive & valid[rows]
        mean = None
        if label_smoothing:
            mean = centroid_sum(centroids, valid)
            mean = (mean[:-1] / mean[-1:].clamp_min(1)).to(statistics.total)
        loss, gradient = loss_from_statistics(
            features,
            centroids[rows],
            is_positive,
            statistics,
            temperature,
            label_smoothing,
            mean,
        )
    return with_gradient(features, loss, gradient)


def with_gradient(features: Tensor, loss: Tensor, gradient: Tensor | None) -> Tensor:
    """Makes a loss depend on the features with a gradient that is known already.

    Args:
        features (Tensor): ``[B, D]``.
        loss (Tensor): ``[B]`` of no graph; each of its own feature alone.
        gradient (Tensor | None): ``[B, D]`` of each loss with respect to its feature;
            None if none is wanted.

    Returns:
        Tensor: ``[B]`` the same losses.
    """
    return loss if gradient is None else _KnownGradient.apply(features, loss, gradient)


def loss_from_statistics(
    features: Tensor,
    positives: Tensor,
    is_positive: Tensor,
    statistics: SoftmaxStatistics,
    temperature: float,
    label_smoothing: float = 0.0,
    mean: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Loss and gradient of each anchor from the statistics of its negatives.

    Args:
        features (Tensor): ``[B, D]`` anchors.
        positives (Tensor): ``[B, K, D]`` the positive centroids of each anchor.
        is_positive (Tensor): ``[B, K]`` bool; False fills up.
        statistics (SoftmaxStatistics): Of the negatives.
        temperature (float): That of the statistics.
        label_smoothing (float): Defaults to 0.0.
        mean (Tensor, optional): ``[D]`` mean of all centroids that count; needed for
            label smoothing. Defaults to None.

    Returns:
        tuple[Tensor, Tensor | None]: ``[B]`` losses, and their ``[B, D]`` gradient
        with respect to the features if the statistics are ``weighted``.
    """
    maximum, total, weighted = statistics
    dtype = maximum.dtype
    with torch.autocast(features.device.type, enabled=False):
        anchors = features.detach().to(dtype)
        positives = positives.to(dtype)
        similarity = torch.einsum('bd,bkd->bk', anchors, positives) / temperature
        negatives = maximum + total.log()
        gap = negatives[:, None] - similarity
        share = is_positive.to(dtype) * (1 - label_smoothing)
        share /= is_positive.sum(dim=1, keepdim=True).clamp_min(1)
        loss = (share * torch.logaddexp(gap, torch.zeros_like(gap))).sum(dim=1)
        gradient = None
        if weighted is not None:
            pull = share * gap.sigmoid()
            average = weighted / total.clamp_min(torch.finfo(dtype).tiny)[:, None]
            gradient = pull.sum(dim=1, keepdim=True) * average
            gradient -= torch.einsum('bk,bkd->bd', pull, positives)
        if label_smoothing and mean is not None:
            masked = similarity.masked_fill(~is_positive, -math.inf)
            everything = torch.cat([negatives[:, None], masked], dim=1)
            loss += label_smoothing * (
                everything.logsumexp(dim=1) - anchors @ mean / temperature
            )
            if gradient is not None:
                mix = everything.softmax(dim=1)
                spread = mix[:, :1] * average - mean
                spread += torch.einsum('bk,bkd->bd', mix[:, 1:], positives)
                gradient += label_smoothing * spread
        alone = ~is_positive.any(dim=1)
        loss = loss.masked_fill(alone, 0)
        if gradient is not None:
            gradient = (gradient / temperature).masked_fill(alone[:, None], 0)
        return loss, gradient


def check_options(
    temperature: float,
    label_smoothing: float,
    excluded: Tensor | None,
    topk: int | None,
    sample: NegativeSample | None,
    chunk_size: int | None,
) -> None:
    """Raises a ValueError for what :func:`streamed_softmax_loss` does not take."""
    if not temperature > 0:
        raise ValueError(f'temperature must be above 0, but got {temperature}.')
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f'label_smoothing must lie in [0, 1), but got {label_smoothing}.'
        )
    if topk is not None and topk < 1:
        raise ValueError(f'topk must be None or at least 1, but got {topk}.')
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f'chunk_size must be at least 1, but got {chunk_size}.')
    if label_smoothing and not (topk is None and excluded is None and sample is None):
        raise ValueError(
            'label_smoothing spreads the target over all centroids and cannot be '
            'combined with topk, sample or excluded.'
        )
    if sample is not None and not (topk is None and excluded is None):
        raise ValueError('sample cannot be combined with topk or excluded.')
