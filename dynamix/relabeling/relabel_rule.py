from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RelabelRule:
    """How tracklets are relabelled; all thresholds follow from the data.

    Args:
        separation (float): The main constant. Of all ways to cut the trees of pieces,
            the one with the largest expected F1 plus ``separation`` times the mean
            silhouette is taken: more favours the widest gap. Defaults to 0.3.
        merge (bool): Join fragments of one person within a video. Defaults to True.
        split (bool): Cut tracklets that show two people. Defaults to True.
        drop (bool): Take images that do not belong out of their tracklet: they go to
            whom they show in their video, or are dropped. Defaults to True.
        cut_cost (float): Taking an image that does belong out of its tracklet costs
            this many times what taking out one that does not gains. Defaults to 0.5.
        min_images (int): A second person in a tracklet has at least so many images.
            Defaults to 3.
        shrinkage (float): Share of the identity in the covariances that whiten the
            space. Defaults to 0.1.
        max_changed (float): Guard: a relabeling that gives more than this share of
            the images another label is refused. Defaults to 0.9.
        insist (bool): Apply it all the same. Defaults to False.
        seed (int): Draws the pairs that calibrate. Defaults to 0.

    Raises:
        ValueError: If a value lies outside its range.
    """

    separation: float = 0.3
    merge: bool = True
    split: bool = True
    drop: bool = True
    cut_cost: float = 0.5
    min_images: int = 3
    shrinkage: float = 0.1
    max_changed: float = 0.9
    insist: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('separation', 'cut_cost'):
            value = getattr(self, name)
            if not value >= 0:
                raise ValueError(f'{name} must not be negative, but got {value}.')
        if not 0 < self.shrinkage < 1:
            raise ValueError(
                f'shrinkage must lie between 0 and 1, but got {self.shrinkage}.'
            )
        if not 0 <= self.max_changed <= 1:
            raise ValueError(
                f'max_changed must lie in 0..1, but got {self.max_changed}.'
            )
        if self.min_images < 1:
            raise ValueError(f'min_images must be at least 1, got {self.min_images}.')
