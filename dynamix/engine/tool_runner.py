from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.runner import Runner

from dynamix.output_file import written_whole


class ToolRunner(Runner):
    """MMEngine's ``Runner`` with other input and output of checkpoints.

    A checkpoint to resume is read to the CPU: read to the GPU, it would take the memory
    of a second model, and Adam's step counts would stay there, where each step would
    wait for them. A checkpoint is written beside and then renamed: a run that is killed
    or finds the disk full leaves no incomplete file.
    """

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = 'cpu',
    ) -> None:
        """See MMEngine; ``map_location`` defaults to ``'cpu'``."""
        super().resume(filename, resume_optimizer, resume_param_scheduler, map_location)

    @master_only
    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **kwargs: Any
    ) -> None:
        """See MMEngine.

        Raises:
            OSError: If it cannot be written; names the file.
        """
        with written_whole(Path(out_dir, filename)) as beside:
            super().save_checkpoint(str(beside.parent), beside.name, *args, **kwargs)
