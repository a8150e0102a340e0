from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.backbones import VisionTransformer
from torch import Tensor, nn

from dynamix.registry import MODELS


class RegisterTokens(nn.Module):
    """Learned tokens, put between the class token and the patches."""

    def __init__(self, num_tokens: int, channels: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(1, num_tokens, channels))
        nn.init.normal_(self.tokens, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Inserts the tokens into ``[B, 1 + patches, channels]``."""
        tokens = self.tokens.expand(len(x), -1, -1)
        return torch.cat([x[:, :1], tokens, x[:, 1:]], dim=1)


@MODELS.register_module()
class VisionTransformerRegisters(VisionTransformer):
    """MMPretrain's vision transformer with register tokens, as some DINOv2 models.

    The tokens get no position embedding and are left out of the output.

    Source: Darcet et al., "Vision Transformers Need Registers", ICLR 2024.

    Args:
        *args: As of ``mmpretrain.VisionTransformer``.
        num_registers (int): Number of register tokens. Defaults to 4.
        **kwargs: As of ``mmpretrain.VisionTransformer``, but for ``pre_norm`` and
            ``with_cls_token``.
    """

    def __init__(self, *args: Any, num_registers: int = 4, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The parent calls pre_norm just after it added the position embeddings.
        self.pre_norm = RegisterTokens(num_registers, self.embed_dims)
        self.num_registers = num_registers
        if self.frozen_stages > 0:
            self._freeze_stages()

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Returns the depth of a parameter and the number of depths.

        Args:
            param_name (str): Name of the parameter.
            prefix (str): What stands before names of this backbone. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth, 0 for the register tokens, and number of depths.
        """
        depth, num_depths = super().get_layer_depth(param_name, prefix)
        return (0 if param_name == f'{prefix}pre_norm.tokens' else depth), num_depths

    def _format_output(self, x: Tensor, hw: tuple[int, int]) -> Tensor:
        patches = x[:, 1 + self.num_registers :]
        return super()._format_output(torch.cat([x[:, :1], patches], dim=1), hw)
