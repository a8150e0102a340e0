from __future__ import annotations

from dataclasses import dataclass

from dynamix.config_checks import check_range, check_rate, check_whole


@dataclass(frozen=True)
class TrackletOptions:
    """Which boxes become crops, and which crops are kept.

    Args:
        margin (float): What a crop shows beside its box on each side, as a share of
            the box's width and height. Defaults to 0.
        min_height (int): Least height of a box in pixels. Defaults to 40.
        score (float): Least score of a box. A tracklet begins with two boxes of at
            least 0.2 more. Defaults to 0.3.
        min_length (int): Least number of crops of a tracklet. Defaults to 4.
        every (int): Only frames whose number it divides are cropped; 0: so that
            there are about five crops a second. Defaults to 0.
        max_crops (int): Most crops of a tracklet, which is thinned out evenly if it
            has more; 0: any number. Defaults to 200.

    Raises:
        ValueError: If a value is out of its range.
    """

    margin: float = 0.0
    min_height: int = 40
    score: float = 0.3
    min_length: int = 4
    every: int = 0
    max_crops: int = 200

    def __post_init__(self) -> None:
        check_range('margin', self.margin, 0)
        check_whole('min_height', self.min_height, 1)
        check_rate('score', self.score)
        check_whole('min_length', self.min_length, 1)
        check_whole('every', self.every, 0)
        check_whole('max_crops', self.max_crops, 0)
        if 0 < self.max_crops < self.min_length:
            raise ValueError(
                f'`max_crops` is {self.max_crops}, but a tracklet must have '
                f'`min_length`={self.min_length} crops.'
            )
