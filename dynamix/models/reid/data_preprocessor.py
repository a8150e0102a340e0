from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import SelfSupDataPreprocessor
from torch import Tensor

from dynamix.registry import MODELS


@MODELS.register_module()
class ReIDDataPreprocessor(SelfSupDataPreprocessor):
    """MMPretrain's preprocessor of views, but the host never waits for the device.

    Images are copied without waiting (from pinned memory, as the tools' data loaders
    have it), their channels turned round without a list of places that PyTorch would
    copy, and data samples, which hold numbers of the host alone, stay there.

    Args:
        mean (Sequence[float], optional): Mean of each channel, in the order after
            turning round. Defaults to None: no normalisation.
        std (Sequence[float], optional): Standard deviation of each channel.
            Defaults to None.
        bgr_to_rgb (bool): Turn the order of the channels round. Defaults to False.
    """

    def __init__(
        self,
        mean: Any = None,
        std: Any = None,
        bgr_to_rgb: bool = False,
    ) -> None:
        super().__init__(mean, std, bgr_to_rgb=bgr_to_rgb, non_blocking=True)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Stacks, copies and normalises a batch.

        Args:
            data (dict): ``inputs``, as made by MMEngine's ``default_collate`` (``[B, 3,
                H, W]``, or a list of views of this shape) or ``pseudo_collate`` (``B``
                images ``[3, H, W]``, or a list of views, each ``B`` images), and
                perhaps ``data_samples``.
            training (bool): Not used.

        Returns:
            dict: ``inputs``, ``[B, 3, H, W]`` float32 on the model's device or a list
            of views of this shape, and ``data_samples``.
        """
        inputs = data['inputs']
        ready: Tensor | list[Tensor]
        if isinstance(inputs, Tensor) or _is_image(inputs[0]):
            ready = self._normalise(inputs)
        else:
            ready = [self._normalise(view) for view in inputs]
        return dict(inputs=ready, data_samples=data.get('data_samples'))

    def _normalise(self, images: Tensor | Sequence[Tensor]) -> Tensor:
        if not isinstance(images, Tensor):
            images = torch.stack([*images])
        images = images.to(self.device, non_blocking=True)
        if self._channel_conversion:
            images = images.flip(1)
        images = images.float()
        return (images - self.mean) / self.std if self._enable_normalize else images


def _is_image(value: Tensor | Sequence[Tensor]) -> bool:
    return isinstance(value, Tensor) and value.ndim == 3
