from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from dynamix.models.pretrained import weights_must_fit
from dynamix.registry import MODELS


@MODELS.register_module()
class ReIDEncoder(BaseModule):
    """Backbone and neck: images in, embeddings out.

    Args:
        backbone (dict): Config of the backbone, e.g. MMPretrain's
            ``dict(type='mmpretrain.ResNet', depth=50)``.
        neck (dict): Config of the neck that makes ``[B, D]`` of its output, alone or
            as the last of a tuple: a ``BNNeck``, or one of MMPretrain's.
    """

    def __init__(self, backbone: dict, neck: dict) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)

    def init_weights(self) -> None:
        """Initialises both.

        Raises:
            ValueError: If the weights of another project do not fit the backbone.
        """
        with weights_must_fit(self.backbone), weights_must_fit(self.neck):
            super().init_weights()

    def forward(self, inputs: Tensor) -> Tensor:
        """Embeds images.

        Args:
            inputs (Tensor): ``[B, 3, H, W]``, normalised by the data preprocessor.

        Returns:
            Tensor: ``[B, D]``, not normalised.
        """
        return self.embed_maps(self.backbone(inputs))

    def embed_maps(self, maps: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Embeds what the backbone made of images; see :meth:`forward`."""
        found = self.neck(maps)
        return found[-1] if isinstance(found, (tuple, list)) else found
