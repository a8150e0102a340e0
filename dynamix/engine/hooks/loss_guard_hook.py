from __future__ import annotations

import math
import os.path as osp

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from dynamix.config_checks import check_whole
from dynamix.registry import HOOKS


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Stops a run whose losses or weights are not finite.

    Checks every ``interval`` iterations, which synchronizes the device, and at the end
    of each epoch before the checkpoint is written. Weights are checked because the loss
    is that of the weights before the last step.

    Args:
        interval (int): Iterations between checks. Defaults to 50.
    """

    # After the losses are known and before CheckpointHook (VERY_LOW) writes.
    priority = 'NORMAL'

    def __init__(self, interval: int = 50) -> None:
        check_whole('LossGuardHook.interval', interval, 1)
        self.interval = interval

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Raises if a loss or a weight is NaN or infinite.

        Raises:
            FloatingPointError: Names the losses and the last checkpoint.
        """
        due = self.every_n_train_iters(runner, self.interval)
        if outputs is None or not (
            due or self.end_of_epoch(runner.train_dataloader, batch_idx)
        ):
            return
        norms = torch._foreach_norm([p.detach() for p in runner.model.parameters()])
        losses = {
            name: x.detach().float().to(norms[0].device)
            for name, x in outputs.items()
            if 'loss' in name and isinstance(x, Tensor)
        }
        # one copy from the device
        values = torch.stack([*losses.values(), *(x.float() for x in norms)])
        numbers = values.cpu().tolist()
        if all(map(math.isfinite, numbers)):
            return
        named = dict(zip(losses, numbers))
        what = 'weights are' if all(map(math.isfinite, named.values())) else 'loss is'
        text = ', '.join(f'{name} {number:g}' for name, number in named.items())
        last = runner.message_hub.get_info('last_ckpt', 'none')
        raise FloatingPointError(
            f'the {what} not finite at iteration {runner.iter + 1} (epoch '
            f'{runner.epoch + 1}): {text}. The run stops; the last checkpoint is '
            f'{osp.basename(last)}. Try a lower learning rate, a longer warm-up, or '
            'clip the gradient (optim_wrapper.clip_grad), then --resume.'
        )
