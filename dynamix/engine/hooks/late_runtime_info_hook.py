from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from dynamix.registry import HOOKS


@HOOKS.register_module()
class LateRuntimeInfoHook(RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook``, but for when it reads the losses.

    That one reads each loss in each iteration, and so waits for the device; this one
    when a ``LoggerHook`` is about to log and at the end of an epoch. What is logged is
    the same. In between, the message hub holds the losses up to the last log.
    """

    def before_train(self, runner: Runner) -> None:
        """Looks how often losses are logged."""
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
        """Keeps the losses; hands them to the message hub when it is time."""
        found = dict(outputs or {})
        norm = getattr(runner.optim_wrapper, 'grad_norm', None)
        if norm is not None:
            found['grad_norm'] = norm
        self._kept.append(
            {
                name: value.detach() if isinstance(value, Tensor) else value
                for name, value in found.items()
            }
        )
        due = [self.every_n_inner_iters(batch_idx, n) for n in self._intervals]
        if any(due) or self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._hand_over(runner)

    def _hand_over(self, runner: Runner) -> None:
        kept, self._kept = self._kept, []
        values = [value for losses in kept for value in losses.values()]
        tensors = [value.reshape(()) for value in values if isinstance(value, Tensor)]
        # one copy for all of them
        numbers = iter(torch.stack(tensors).cpu().tolist() if tensors else [])
        for losses in kept:
            for name, value in losses.items():
                number = next(numbers) if isinstance(value, Tensor) else value
                runner.message_hub.update_scalar(f'train/{name}', number)
