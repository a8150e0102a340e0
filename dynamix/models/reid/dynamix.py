from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from dynamix.config_checks import check_keys
from dynamix.registry import MODELS
from dynamix.structures import ReIDDataSample

from .encoder import ReIDEncoder


@MODELS.register_module()
class DynaMix(BaseModel):
    """Re-identification from mixed multi-camera and single-camera data.

    In training the encoder sees the augmented view of each image and the momentum
    encoder the plain one; the head compares both with each other and with its
    centroid memory. Where the pipeline makes a third, augmented view, the momentum
    encoder sees it too and the instance loss compares with that one (as ReMix; one
    more forward). At inference the momentum encoder alone is used.

    Source: DynaMix, arXiv 2511.19067; its formulas are reconstructed from ReMix,
    arXiv 2410.21938.

    Args:
        backbone (dict): Config of the backbone.
        neck (dict): Config of the neck; makes ``[B, D]``.
        head (dict, optional): Config of the head, a ``CentroidMemoryHead``. None for
            a model that only embeds. Defaults to None.
        momentum_encoder (dict): Config of the average of the encoder. Defaults to
            ``dict(type='MomentumEncoder', momentum=0.001)``.
        channels_last (bool): Keep images and filters with the channels last in
            memory, which convolutions run faster on, on GPU and CPU.
            Defaults to False.
        test_cfg (dict, optional): ``flip=True``: :meth:`predict` averages the
            embeddings of an image and of its mirror image. Defaults to None.
        data_preprocessor (dict, optional): Config of the data preprocessor. Defaults
            to :class:`ReIDDataPreprocessor` without normalisation.
        init_cfg (dict, optional): Initialisation config. Defaults to None.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict | None = None,
        momentum_encoder: dict | None = None,
        channels_last: bool = False,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        preprocessor = dict(data_preprocessor or {})
        preprocessor.setdefault('type', 'dynamix.ReIDDataPreprocessor')
        super().__init__(MODELS.build(preprocessor), init_cfg)
        self.encoder = ReIDEncoder(backbone, neck)
        average = dict(momentum_encoder or {})
        average.setdefault('type', 'dynamix.MomentumEncoder')
        self.momentum_encoder = MODELS.build(
            average, default_args=dict(model=self.encoder)
        )
        self.head = None if head is None else MODELS.build(head)
        test_cfg = test_cfg or {}
        check_keys('model.test_cfg', test_cfg, ('flip',))
        self._flip = bool(test_cfg.get('flip', False))
        self._memory_format = (
            torch.channels_last if channels_last else torch.contiguous_format
        )
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def init_weights(self) -> None:
        """Initialises the encoder (pre-trained weights too) and copies it."""
        super().init_weights()
        self.momentum_encoder.copy_from(self.encoder)

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Depth of a parameter, for MMPretrain's learning rates that decay by layer.

        Args:
            param_name (str): Name of a parameter of this model.

        Returns:
            tuple[int, int]: Its depth, and how many there are; the neck is deepest.
        """
        return self.encoder.backbone.get_layer_depth(param_name, 'encoder.backbone.')

    def forward(
        self,
        inputs: Any,
        data_samples: Any = None,
        mode: str = 'tensor',
    ) -> Tensor | dict[str, Tensor] | list[ReIDDataSample]:
        """MMPretrain's three ways through a model.

        Args:
            inputs (Tensor | list[Tensor]): ``[B, 3, H, W]``; in mode ``'loss'`` the
                views ``[augmented, plain]`` or ``[augmented, plain, augmented]``.
            data_samples (list[ReIDDataSample], optional): One an image.
            mode (str): ``'tensor'`` gives embeddings, ``'predict'`` data samples with
                their ``feature``, ``'loss'`` the named losses.

        Returns:
            Tensor | dict[str, Tensor] | list[ReIDDataSample]: See ``mode``.

        Raises:
            ValueError: If ``mode`` is none of the three.
        """
        if mode == 'tensor':
            return self.embed(inputs)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        raise ValueError(
            f"mode must be 'tensor', 'predict' or 'loss', but got {mode!r}."
        )

    def embed(self, inputs: Tensor) -> Tensor:
        """Embeds images for search.

        Args:
            inputs (Tensor): ``[B, 3, H, W]``.

        Returns:
            Tensor: ``[B, D]`` float32, unit length.
        """
        inputs = inputs.contiguous(memory_format=self._memory_format)
        return F.normalize(self.momentum_encoder(inputs).float(), dim=1)

    def predict(
        self, inputs: Tensor, data_samples: list[ReIDDataSample]
    ) -> list[ReIDDataSample]:
        """Embeds images and writes ``feature`` into their data samples.

        With ``test_cfg.flip`` it is the mean of the embeddings of the image and of its
        mirror image, at unit length.

        Args:
            inputs (Tensor): ``[B, 3, H, W]``.
            data_samples (list[ReIDDataSample]): One an image.

        Returns:
            list[ReIDDataSample]: The samples, each with ``feature``, ``[D]``.
        """
        features = self.embed(inputs)
        if self._flip:
            features = F.normalize(features + self.embed(inputs.flip(3)), dim=1)
        for sample, feature in zip(data_samples, features):
            sample.set_data(dict(feature=feature))
        return data_samples

    def loss(
        self, inputs: list[Tensor], data_samples: list[ReIDDataSample]
    ) -> dict[str, Tensor]:
        """Losses of one batch; updates momentum encoder and memories.

        Args:
            inputs (list[Tensor]): Augmented and plain view, each ``[B, 3, H, W]``,
                and perhaps another augmented one.
            data_samples (list[ReIDDataSample]): One an image.

        Returns:
            dict[str, Tensor]: Scalars, by name.

        Raises:
            ValueError: If the model has no head or the views are not two or three.
        """
        if self.head is None:
            raise ValueError('training needs a head, but model.head is None.')
        views = 'a single tensor' if isinstance(inputs, Tensor) else len(inputs)
        if views not in (2, 3):
            raise ValueError(
                'training needs two views of each image, [augmented, plain], or '
                'three, [augmented, plain, augmented], made by ImageViews in the '
                f'training pipeline, but got {views}.'
            )
        augmented, plain, *again = (
            view.contiguous(memory_format=self._memory_format) for view in inputs
        )
        features = self.encoder(augmented)
        with torch.no_grad():
            self.momentum_encoder.update_parameters(self.encoder)
            keys = [self.momentum_encoder(plain)]
            with self.momentum_encoder.statistics_kept():
                keys += [self.momentum_encoder(view) for view in again]
        return self.head.loss(features, keys[0], data_samples, *keys[1:])
