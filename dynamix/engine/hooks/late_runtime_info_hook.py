from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from dynamix.registry import HOOKS


@HOOKS.register_module()
class LateRuntimeInfoHook(RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook`` that reads losses only when they are logged.

    Reading a loss synchronizes the device, which MMEngine does in each iteration. This
    hook does it before a ``LoggerHook`` logs and at the end of an epoch. The log is the
    same. In between, the message hub holds the losses up to the last log.
    """

    def before_train(self, runner: Runner) -> None:
        """Finds out when losses are logged."""
        super().before_train(runner)
        self._intervals = [
            hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)
        ]
        self._kept: list[dict[str, Any]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Keeps the losses; moves them to the message hub if they are to be logged."""
        found = dict(outputs or {})
        norm = getattr(runner.optim_wrapper, 'grad_norm', None)
        if norm is not None:
            found['grad_norm'] = norm
        self._kept.append(
            {k: x.detach() if isinstance(x, Tensor) else x for k, x in found.items()}
        )
        due = [self.every_n_inner_iters(batch_idx, n) for n in self._intervals]
        if not any(due) and not self.end_of_epoch(runner.train_dataloader, batch_idx):
            return
        kept, self._kept = self._kept, []
        values = [x for losses in kept for x in losses.values()]
        tensors = [x.reshape(()) for x in values if isinstance(x, Tensor)]
        # one copy for all of them
        numbers = iter(torch.stack(tensors).cpu().tolist() if tensors else [])
        for losses in kept:
            for name, value in losses.items():
                number = next(numbers) if isinstance(value, Tensor) else value
                runner.message_hub.update_scalar(f'train/{name}', number)
