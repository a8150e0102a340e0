from __future__ import annotations

import torch
from torch import Tensor, nn

from dynamix.models.memory import CentroidMemory, sampled_rows
from dynamix.registry import MODELS

from .checks import check_loss_options


@MODELS.register_module()
class CentroidLoss(nn.Module):
    """Softmax of an image over the centroids of all identities.

    Source: DynaMix, efficient centroids; ReMix, centroid loss. Exact, whatever the
    number of identities; see
    :func:`~dynamix.models.memory.streamed_softmax_loss`. Two options trade that for
    speed or emphasis; ``benchmarks/scale/centroid_negatives.md`` has what they change.

    Args:
        temperature (float): Above 0. Defaults to 0.5.
        loss_weight (float): Defaults to 1.0.
        label_smoothing (float): Share of the target spread over all centroids, in
            ``[0, 1)``. Defaults to 0.0.
        num_hard_negatives (int, optional): Only so many of the most similar other
            centroids are negatives. Defaults to None, all of them.
        negative_fraction (float): Share of the memory, in ``(0, 1]``, that is drawn in
            each iteration to stand for all negatives, beside the centroids of the
            batch's own identities (Partial FC; here drawn ones are weighted up to the
            number they stand for). Defaults to 1.0, all centroids.
        sample_seed (int): What is drawn depends on it and on the number of draws so
            far, which checkpoints keep, and on nothing else. Defaults to 0.

    Raises:
        ValueError: If an argument is out of range, or options do not go together.
    """

    num_draws: Tensor

    def __init__(
        self,
        temperature: float = 0.5,
        loss_weight: float = 1.0,
        label_smoothing: float = 0.0,
        num_hard_negatives: int | None = None,
        negative_fraction: float = 1.0,
        sample_seed: int = 0,
    ) -> None:
        super().__init__()
        check_loss_options(
            self,
            temperature,
            loss_weight,
            label_smoothing,
            num_hard_negatives,
            negative_fraction,
        )
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.label_smoothing = label_smoothing
        self.num_hard_negatives = num_hard_negatives
        self.negative_fraction = negative_fraction
        self.sample_seed = sample_seed
        if negative_fraction < 1:
            self.register_buffer('num_draws', torch.zeros((), dtype=torch.int64))

    def forward(
        self, features: Tensor, labels: Tensor, memory: CentroidMemory
    ) -> tuple[Tensor, Tensor]:
        """Loss of each anchor.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 identities, rows of the memory; -1 is no
                anchor.
            memory (CentroidMemory): A centroid for each identity.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` weighted losses, and ``[B]`` bool: which
            anchors take part.
        """
        drawn = None
        if self.negative_fraction < 1:
            drawn = sampled_rows(
                len(memory), self.negative_fraction, self.sample_seed, self.num_draws
            )
            self.num_draws += 1
        loss, valid = memory.softmax_loss(
            features,
            labels,
            self.temperature,
            label_smoothing=self.label_smoothing,
            topk=self.num_hard_negatives,
            drawn=drawn,
        )
        return loss * self.loss_weight, valid
