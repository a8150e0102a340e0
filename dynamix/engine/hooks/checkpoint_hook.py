from __future__ import annotations

import os.path as osp
from typing import Any

import numpy as np
import torch
from mmengine.hooks import CheckpointHook as BaseCheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from dynamix.config_checks import check_keys, check_whole
from dynamix.evaluation import ReIDMetric
from dynamix.registry import HOOKS

KEY = 'default_hooks.checkpoint'
OPTIONS = (
    'interval',
    'save_begin',
    'save_last',
    'save_optimizer',
    'save_param_scheduler',
    'published_keys',
    'rule',
    'greater_keys',
    'less_keys',
)


@HOOKS.register_module()
class CheckpointHook(BaseCheckpointHook):
    """MMEngine's ``CheckpointHook`` that keeps to the run's folder.

    Checkpoints are in the work directory, and the previous best one is removed only
    from there. They hold plain types and tensors only, so that ``torch.load`` reads
    them with ``weights_only=True``.

    Args:
        save_best (str | list[str], optional): Scores, for each of which the best
            checkpoint is kept; ``'auto'`` is ``'average/mAP'``. Defaults to None.
        max_keep_ckpts (int): At least 2, because MMEngine removes the oldest before it
            writes the next, or -1 for all. Defaults to -1.
        **kwargs: See MMEngine; without ``by_epoch``, because a run is resumed at the
            start of an epoch, and without what changes folder or name of the files.

    Raises:
        TypeError: If there is no such option.
        ValueError: If ``interval`` or ``max_keep_ckpts`` has another value.
    """

    _default_greater_keys = (
        *BaseCheckpointHook._default_greater_keys,
        'mINP',
        'Rank-',
    )

    def __init__(
        self,
        save_best: str | list[str] | None = None,
        max_keep_ckpts: int = -1,
        **kwargs: Any,
    ) -> None:
        check_keys(KEY, kwargs, OPTIONS)
        check_whole(f'{KEY}.interval', kwargs.get('interval', -1), -1)
        if max_keep_ckpts != -1:
            check_whole(f'{KEY}.max_keep_ckpts', max_keep_ckpts, 2)
        if save_best in ('auto', ['auto']):
            save_best = 'average/mAP'
        super().__init__(save_best=save_best, max_keep_ckpts=max_keep_ckpts, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Checks ``save_best`` and forgets best checkpoints outside the run's folder.

        A resumed run has the absolute paths of the run that wrote the checkpoint.

        Raises:
            TypeError: If the validation has no such score.
        """
        if self.save_best is not None and runner.val_loop is not None:
            self._check_scores(runner.val_loop)
        hub = runner.message_hub
        for key in [k for k in hub.runtime_info if k.startswith('best_ckpt')]:
            own = osp.join(runner.work_dir, osp.basename(hub.pop_info(key)))
            if osp.isfile(own):
                hub.update_info(key, own)
        super().before_train(runner)

    def _check_scores(self, loop: Any) -> None:
        metrics = loop.evaluator.metrics
        targets = getattr(loop.dataloader.dataset, 'datasets', None)
        if targets is None or not all(isinstance(x, ReIDMetric) for x in metrics):
            return  # scores of others are not known before they are computed
        scores = [
            '/'.join(filter(None, [metric.prefix, name, score]))
            for metric in metrics
            for name in ['average', *(target.name for target in targets)]
            for score in ('mAP', 'mINP', *(f'Rank-{k}' for k in metric.topk))
        ]
        check_keys(f'{KEY}.save_best', self.key_indicators, scores)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turns histories of the log and numbers of NumPy into plain types."""
        for key in ('meta', 'message_hub'):
            checkpoint[key] = _plain(checkpoint[key])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Makes histories of the log out of what was saved."""
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for name, history in scalars.items():
            if isinstance(history, dict):
                values, counts = history['values'].numpy(), history['counts'].numpy()
                scalars[name] = HistoryBuffer(values, counts)


def _plain(value: Any) -> Any:
    if isinstance(value, HistoryBuffer):
        values, counts = map(torch.from_numpy, value.data)
        return dict(values=values, counts=counts)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {key: _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value
