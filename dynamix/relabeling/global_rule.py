from __future__ import annotations

from dataclasses import dataclass

from .knn_graph import INDEXES


@dataclass(frozen=True)
class GlobalRule:
    """How identities of different videos are merged; all thresholds are relative.

    Args:
        neighbours (int): Nearest identities of other videos that are looked at.
            Defaults to 20.
        index (str): Index of the k-NN graph: ``'exact'``, ``'ivf'``, ``'hnsw'`` or
            ``'auto'``. Defaults to ``'auto'``.
        probes (int): Clusters that IVF searches. Defaults to 32.
        device (str, optional): Where the graph is built; ``'cpu'`` leaves a GPU alone.
            Defaults to None: CUDA if present.
        false_share (float): The main constant: pairs are merged where at most this
            share of them is expected to be of different people. Defaults to 0.3.
        distinct (bool): Identities of one video are different people: right for the
            result of the in-video scope, wrong for raw tracklets, which are different
            for sure only where they share a frame. Defaults to True.
        separated (float): Nothing is merged unless at least this share of identities
            would be found the same person from their first and last thirds. Defaults
            to 0.9.
        shrinkage (float): Share of the identity in the covariance that whitens the
            space. Defaults to 0.1.
        max_changed (float): Guard: a relabeling that gives more than this share of the
            images another label is refused. Defaults to 0.9.
        insist (bool): Apply it all the same. Defaults to False.
        seed (int): Seeds the k-means of IVF. Defaults to 0.

    Raises:
        ValueError: If a value lies outside its range.
    """

    neighbours: int = 20
    index: str = 'auto'
    probes: int = 32
    device: str | None = None
    false_share: float = 0.3
    distinct: bool = True
    separated: float = 0.9
    shrinkage: float = 0.1
    max_changed: float = 0.9
    insist: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('false_share', 'shrinkage'):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f'{name} must lie between 0 and 1, but got {value}.')
        for name in ('separated', 'max_changed'):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must lie in 0..1, but got {value}.')
        for name, least in (('neighbours', 2), ('probes', 1)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f'{name} must be at least {least}, but got {value}.')
        if self.index not in INDEXES:
            raise ValueError(f'index must be one of {INDEXES}, but got {self.index!r}.')
