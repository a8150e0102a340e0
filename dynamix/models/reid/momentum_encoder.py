from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dynamix.registry import MODELS


@MODELS.register_module()
class MomentumEncoder(ExponentialMovingAverage):
    r"""Exponential moving average of the encoder.

    .. math:: \theta_m \leftarrow (1 - \mu) \theta_m + \mu \theta

    Differs from MMEngine's average in three points: parameters are averaged by one
    fused operation and without waiting for the device; the running statistics of
    batch normalisation are its own, made by its own forwards over plain images, since
    those are what it meets at inference; and stochastic layers (dropout, drop path)
    never act, so that the embeddings it hands out as targets are not noisy.

    Args:
        model (nn.Module): The encoder.
        momentum (float): Share :math:`\mu` of the encoder at each update. The
            paper's 0.999 is ``momentum=0.001`` here, as everywhere in MMEngine.
            Defaults to 0.001.

    Raises:
        ValueError: If ``momentum`` is out of range.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.001) -> None:
        if not 0.0 < momentum <= 0.5:
            raise ValueError(
                'momentum_encoder.momentum is the share of the encoder in each update '
                f'and must lie in (0, 0.5], but got {momentum}: for a decay of 0.999 '
                'write 0.001.'
            )
        super().__init__(model, momentum=momentum)
        self._started: bool | None = None

    @torch.no_grad()
    def copy_from(self, model: nn.Module) -> None:
        """Takes over parameters and buffers of the encoder as they are."""
        self.module.load_state_dict(model.state_dict())

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Moves the average one step towards the encoder.

        The first update of all copies the encoder, buffers included.

        Args:
            model (nn.Module): The encoder.
        """
        # kept, as reading the count waits for the device; no count of its own, on
        # whose every value torch.compile would compile again
        if self._started is None:
            self._started = bool(self.steps > 0)
        if not self._started:
            self.copy_from(model)
            self._started = True
        else:
            torch._foreach_lerp_(
                [p.data for p in self.module.parameters()],
                [p.data for p in model.parameters()],
                self.momentum,
            )
        self.steps += 1

    def train(self, mode: bool = True) -> MomentumEncoder:
        """Lets only batch normalisation train; see the class's text.

        What the backbone itself keeps from training (``frozen_stages``, ``norm_eval``)
        does not train here either.
        """
        super().train(mode)
        for module in self.modules():
            if module is not self and not isinstance(module, _BatchNorm):
                module.training = False
        return self

    @contextmanager
    def statistics_kept(self) -> Iterator[None]:
        """Within it, forwards leave the running statistics as they are.

        For images that are not plain. Batches are normalised as otherwise.
        """
        norms = [
            module
            for module in self.modules()
            if isinstance(module, _BatchNorm) and module.track_running_stats
        ]
        for module in norms:
            module.track_running_stats = False
        try:
            yield
        finally:
            for module in norms:
                module.track_running_stats = True

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._started = None
