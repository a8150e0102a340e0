from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DensityRule:
    """How images without tracklets are grouped within their videos.

    Args:
        eps (float, optional): Largest cosine distance of neighbours. Defaults to None:
            found anew each time by ``false_rate``.
        false_rate (float): Share of strangers of one video that may be neighbours.
            Defaults to 0.001.
        min_samples (int): A core point has so many neighbours, itself among them.
            Defaults to 4.
        max_noise (float): Nothing is changed if more than this share of the images
            belongs to no cluster: the embeddings do not tell people apart yet.
            Defaults to 0.5.
        device (str, optional): Where similarities are made. Defaults to None: CUDA if
            present.
        max_changed (float): Guard: a relabeling that gives more than this share of the
            images another label is refused. Defaults to 1: without tracklets, the
            first labels are all new.
        insist (bool): Apply it all the same. Defaults to False.
        seed (int): Draws the pairs that calibrate. Defaults to 0.

    Raises:
        ValueError: If a value lies outside its range.
    """

    eps: float | None = None
    false_rate: float = 0.001
    min_samples: int = 4
    max_noise: float = 0.5
    device: str | None = None
    max_changed: float = 1.0
    insist: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.eps is not None and not 0 < self.eps < 2:
            raise ValueError(f'eps must lie between 0 and 2, but got {self.eps}.')
        if not 0 < self.false_rate < 1:
            raise ValueError(
                f'false_rate must lie between 0 and 1, but got {self.false_rate}.'
            )
        for name in ('max_noise', 'max_changed'):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must lie in 0..1, but got {value}.')
        if self.min_samples < 1:
            raise ValueError(f'min_samples must be at least 1, got {self.min_samples}.')
