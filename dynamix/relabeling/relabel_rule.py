from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RelabelRule:
    """How tracklets are relabelled; all thresholds are relative.

    Args:
        false_share (float): The main constant: tracklets are merged where at most
            this share of the pairs more alike than the threshold is expected to be
            of different people. Defaults to 0.3.
        false_rate (float): At most this share of pairs of different people may be as
            alike as the threshold, whatever ``false_share`` says. Defaults to 0.025.
        merge (bool): Join fragments of one person within a video. Defaults to True.
        split (bool): Cut tracklets that show two people. Defaults to True.
        drop (bool): Drop images that do not belong to their tracklet. Defaults to
            True.
        error_share (float): Of the images that are cut off or dropped, at most this
            share is expected to belong to the tracklet. Defaults to 0.35.
        min_images (int): A person cut off has at least so many images; fewer are
            dropped. Defaults to 3.
        shrinkage (float): Share of the identity in the covariances that whiten the
            space. Defaults to 0.1.
        max_changed (float): Guard: a relabeling that gives more than this share of
            the images another label is refused. Defaults to 0.9.
        insist (bool): Apply it all the same. Defaults to False.
        seed (int): Draws the pairs that calibrate. Defaults to 0.

    Raises:
        ValueError: If a share lies outside its range.
    """

    false_share: float = 0.3
    false_rate: float = 0.025
    merge: bool = True
    split: bool = True
    drop: bool = True
    error_share: float = 0.35
    min_images: int = 3
    shrinkage: float = 0.1
    max_changed: float = 0.9
    insist: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('false_share', 'error_share', 'false_rate', 'shrinkage'):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f'{name} must lie between 0 and 1, but got {value}.')
        if not 0 <= self.max_changed <= 1:
            raise ValueError(
                f'max_changed must lie in 0..1, but got {self.max_changed}.'
            )
        if self.min_images < 1:
            raise ValueError(f'min_images must be at least 1, got {self.min_images}.')
