"""A data set with what the sampler reads, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from dynamix.structures import IdentityTable


class StandIn(Dataset):
    """Two multi-camera sources of 10 and 20 identities, one of 15 videos.

    ``tracklets`` is the number of identities of each video.
    """

    def __init__(self, tracklets: int = 4, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        multi = np.repeat(np.arange(30), 6)
        video = np.repeat(np.arange(15), tracklets * 8)
        single = 30 + np.repeat(np.arange(15 * tracklets), 8)
        self.identity_table = IdentityTable(
            np.concatenate([multi, single]), len(multi), 30
        )
        self.camera = np.concatenate([rng.integers(0, 4, len(multi)), 4 + video])
        self.video = np.concatenate([np.full(len(multi), -1), video])
        self.frame = np.arange(len(self.video))
        self.sources = [
            _span('market', 'multi_camera', 0, 10),
            _span('msmt', 'multi_camera', 10, 30),
            _span('videos', 'single_camera', 30, 30 + 15 * tracklets),
        ]

    def full_init(self) -> None:
        pass

    def __len__(self) -> int:
        return len(self.identity_table)

    def __getitem__(self, key: Any) -> tuple[int, int]:
        return key.index, key.seed


def _span(name: str, kind: str, start: int, stop: int) -> SimpleNamespace:
    return SimpleNamespace(name=name, kind=kind, identities=slice(start, stop))
