from __future__ import annotations

import math

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dynamix.registry import HOOKS


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Stops a run whose loss is no longer a finite number.

    It looks every ``interval`` iterations (a look waits for the device) and at the end
    of each epoch before the checkpoint is written, so the checkpoints on disk are all
    from before.

    Args:
        interval (int): Iterations from one look to the next. Defaults to 50.
    """

    # After the losses are known and before CheckpointHook (VERY_LOW) writes.
    priority = 'NORMAL'

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise ValueError(
                f'LossGuardHook.interval must be at least 1, but got {interval}.'
            )
        self.interval = interval

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Raises if a loss is NaN or infinite.

        Raises:
            FloatingPointError: Naming the losses and where to go on from.
        """
        due = self.every_n_train_iters(runner, self.interval)
        if outputs is None or not (
            due or self.end_of_epoch(runner.train_dataloader, batch_idx)
        ):
            return
        if math.isfinite(float(outputs['loss'].detach())):
            return
        values = ', '.join(
            f'{name} {float(value.detach()):g}'
            for name, value in outputs.items()
            if 'loss' in name
        )
        last = runner.message_hub.get_info('last_ckpt', None)
        raise FloatingPointError(
            f'the loss is not finite at iteration {runner.iter + 1} (epoch '
            f'{runner.epoch + 1}): {values}. The run stops; '
            + (f'the last checkpoint is {last}.' if last else 'no checkpoint yet.')
            + ' Try a lower learning rate, a longer warm-up, or clip the gradient '
            '(optim_wrapper.clip_grad), then --resume.'
        )
