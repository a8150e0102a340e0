from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import Tensor, nn

from dynamix.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Mixed precision with bfloat16, on GPU and CPU alike.

    bfloat16 has the range of float32, so no loss is scaled; MMEngine's
    ``AmpOptimWrapper`` scales and insists on a GPU. The norm of a clipped gradient is
    not read in each step, which would wait for the device: ``LateRuntimeInfoHook`` logs
    it with the losses.

    Attributes:
        grad_norm (Tensor, optional): Norm of the last gradient before it was clipped.
    """

    grad_norm: Tensor | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Runs the forward under autocast."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield

    def _clip_grad(self) -> None:
        gradients = [
            parameter
            for group in self.optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]
        if gradients:
            self.grad_norm = self.clip_func(gradients, **self.clip_grad_kwargs)
