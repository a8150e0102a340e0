from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from dynamix.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Mixed precision with bfloat16, on GPU and CPU alike.

    bfloat16 has the range of float32, so no loss is scaled; MMEngine's
    ``AmpOptimWrapper`` scales and insists on a GPU.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Runs the forward under autocast."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
