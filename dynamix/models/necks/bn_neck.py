from __future__ import annotations

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor

from dynamix.registry import MODELS


@MODELS.register_module()
class BNNeck(BaseModule):
    """Pooling, then batch normalisation without a learnt shift.

    The shift is frozen at zero, so that embeddings stay centred for cosine similarity.

    Source: "Bag of Tricks and a Strong Baseline for Deep Person Re-identification"
    (BNNeck); "Fine-tuning CNN Image Retrieval with No Human Annotation" (GeM, which
    is MMPretrain's ``GeneralizedMeanPooling``).

    Args:
        in_channels (int): Length ``D`` of the embedding.
        pooling (dict, optional): Config of a module that makes ``[B, D]`` of a
            ``[B, D, H, W]`` feature map; of tokens, it pools the patches. None for
            backbones that return vectors or tokens, of which the first is the class
            token. Defaults to None.
        num_extra_tokens (int): Tokens in front of the patches, where the backbone
            returns tokens: class token and registers. Defaults to 1.
        norm_cfg (dict): Config of the normalisation layer.
            Defaults to ``dict(type='BN1d')``.
        init_cfg (dict, optional): Initialisation config. Defaults to None.
    """

    def __init__(
        self,
        in_channels: int,
        pooling: dict | None = None,
        num_extra_tokens: int = 1,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.num_extra_tokens = num_extra_tokens
        self.pooling = None if pooling is None else MODELS.build(pooling)
        self.norm = build_norm_layer(norm_cfg or dict(type='BN1d'), in_channels)[1]
        if getattr(self.norm, 'bias', None) is not None:
            self.norm.bias.requires_grad_(False)

    def forward(
        self, inputs: Tensor | tuple[Tensor, ...]
    ) -> Tensor | tuple[Tensor, ...]:
        """Makes embeddings of a backbone's output.

        Args:
            inputs (Tensor | tuple[Tensor, ...]): ``[B, D, H, W]``, ``[B, D]`` or tokens
                ``[B, L, D]``, as of timm's transformers; of a tuple, the last entry is
                used.

        Returns:
            Tensor | tuple[Tensor]: ``[B, D]``, not normalised; in a tuple if
            ``inputs`` is one, as heads of MMPretrain take it.

        Raises:
            ValueError: If the length of the embedding is not ``in_channels``, or maps
                arrive and there is no pooling.
        """
        x = inputs if isinstance(inputs, Tensor) else inputs[-1]
        if x.ndim == 3 and self.pooling is None:
            x = x[:, 0]
        elif x.ndim == 3:
            x = x[:, self.num_extra_tokens :].transpose(1, 2).unsqueeze(-1)
        if self.pooling is not None:
            x = self.pooling(x)
        elif x.ndim == 4:
            raise ValueError(
                f'the backbone gives maps of shape {tuple(x.shape)}, but neck.pooling '
                'is None; set it, e.g. to '
                "dict(type='mmpretrain.GeneralizedMeanPooling')."
            )
        if x.ndim != 2 or x.size(1) != self.in_channels:
            raise ValueError(
                f'neck.in_channels is {self.in_channels}, but the backbone and the '
                f'pooling give a tensor of shape {tuple(x.shape)}; expected '
                f'[B, {self.in_channels}].'
            )
        embedding = self.norm(x)
        return embedding if isinstance(inputs, Tensor) else (embedding,)
