from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as BaseCheckpointHook
from mmengine.runner import Runner

from dynamix.registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(BaseCheckpointHook):
    """MMEngine's ``CheckpointHook``, but for when it removes old checkpoints.

    That one removes them before it saves: with ``max_keep_ckpts=1``, a run that is
    killed in between has none. This one removes them when the new one is there. The
    disk needs room for one more meanwhile.
    """

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict[str, Any]
    ) -> None:
        limited = self.max_keep_ckpts > 0
        before = list(self.keep_ckpt_ids) if limited else []
        # One more than fit into keep_ckpt_ids, which forgets the oldest by itself: so
        # the checkpoint says what is kept, and nothing is removed.
        self.max_keep_ckpts += limited
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        finally:
            self.max_keep_ckpts -= limited
        if is_main_process() and limited:
            for old in set(before) - set(self.keep_ckpt_ids):
                name = self.filename_tmpl.format(old)
                path = self.file_backend.join_path(self.out_dir, name)
                if self.file_backend.isfile(path):
                    self.file_backend.remove(path)
