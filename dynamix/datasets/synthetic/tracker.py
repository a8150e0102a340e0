"""Videos of walking people as a tracker with known errors would report them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dynamix.config_checks import check_range, check_rate, check_whole

from .counter_random import hash_uniform, make_key

_ROUNDS = 6
#: Frames of the video between two images.
_FRAME_STEP = 3
#: How many people are in view at once, about; losses of sight count as in view.
_CROWD = 3.0
#: Mean number of images lost between two tracklets of one person.
_GAP = 4.0
Draw = Callable[[str, int], np.ndarray]


@dataclass(frozen=True)
class VideoLayout:
    """How many videos there are, who walks in them, and what the tracker gets wrong.

    Attributes:
        num_videos (int): Defaults to 100.
        people_per_video (tuple[int, int]): Smallest and largest number of people of a
            video. Defaults to ``(4, 8)``.
        images_per_tracklet (int): Mean length of a tracklet; single ones have half
            to one and a half of it, and at least 2. Defaults to 8.
        fragments (float): Mean number of tracklets that one person is cut into, 1 or
            more. Defaults to 2.5.
        switch_rate (float): Share of the tracklets that pass from one person to
            another, 0 to 1. Two tracklets that are in view together exchange their
            people; where too few are, there are fewer switches. Defaults to 0.05.
        stray_rate (float): Share of the images that show somebody else of the video
            or no person, half of them each, 0 to 1. Defaults to 0.03.
    """

    num_videos: int = 100
    people_per_video: tuple[int, int] = (4, 8)
    images_per_tracklet: int = 8
    fragments: float = 2.5
    switch_rate: float = 0.05
    stray_rate: float = 0.03

    def __post_init__(self) -> None:
        check_whole('num_videos', self.num_videos, 1)
        people = self.people_per_video
        if not isinstance(people, Sequence) or len(people) != 2:
            raise ValueError(
                '`people_per_video` must be the smallest and the largest number, but '
                f'got {people!r}.'
            )
        check_whole('people_per_video', people[0], 1)
        check_whole('people_per_video', people[1], people[0])
        check_whole('images_per_tracklet', self.images_per_tracklet, 2)
        check_range('fragments', self.fragments, 1.0)
        check_rate('switch_rate', self.switch_rate)
        check_rate('stray_rate', self.stray_rate)


class TrackerOutput(NamedTuple):
    """What a tracker says about the images of all videos, and what is true.

    Rows are sorted by video, tracklet and frame.

    Attributes:
        tracklet (np.ndarray): ``[n]`` int32, ``0..T-1``.
        video (np.ndarray): ``[n]`` int32.
        frame (np.ndarray): ``[n]`` int32: the video's clock.
        person (np.ndarray): ``[n]`` int32: who is seen in truth; -1: no person.
    """

    tracklet: np.ndarray
    video: np.ndarray
    frame: np.ndarray
    person: np.ndarray


def track_videos(layout: VideoLayout, seed: int) -> TrackerOutput:
    """Lets people walk through videos and tracks them with errors.

    All videos have different people. One person is never in two places at one frame,
    but for strays that show somebody else. A function of its arguments.
    """

    def draw(what: str, size: int) -> np.ndarray:
        return hash_uniform(make_key(seed, 'tracker', what), np.arange(size))

    low, high = layout.people_per_video
    count = low + (draw('people', layout.num_videos) * (high - low + 1)).astype(int)
    first_slot = np.cumsum(count) - count
    video_of_slot = np.repeat(np.arange(layout.num_videos), count)

    # A slot is a person's stay in their video; a stay has one or more pieces.
    slots = len(video_of_slot)
    spread = 2.0 * (layout.fragments - 1.0) * draw('spread', slots)
    pieces = 1 + (spread + draw('pieces', slots)).astype(int)
    slot = np.repeat(np.arange(slots), pieces)
    share = 0.5 + draw('length', len(slot))
    length = np.maximum(2, np.rint(layout.images_per_tracklet * share).astype(int))
    pause = (2.0 * _GAP * draw('gap', len(slot)) + 1.0).astype(int)
    after = np.cumsum(length + pause)
    before = after - length - pause
    first_piece = np.cumsum(pieces) - pieces
    stay = layout.fragments * (layout.images_per_tracklet + _GAP)
    clock = np.maximum(1.0, stay * (count / _CROWD - 1.0))
    enter = (draw('enter', slots) * clock[video_of_slot]).astype(int)
    start = enter[slot] + before - before[first_piece][slot]

    order = np.lexsort((draw('tie', len(slot)), start, video_of_slot[slot]))
    slot, start, length = slot[order], start[order], length[order]
    row_tracklet = np.repeat(np.arange(len(slot)), length)
    offset = np.cumsum(length) - length
    tick = np.arange(len(row_tracklet)) - offset[row_tracklet] + start[row_tracklet]
    row_slot = slot[row_tracklet]

    partner, moment = _switches(
        layout, video_of_slot[slot], start, start + length, draw
    )
    switched = (partner[row_tracklet] >= 0) & (tick >= moment[row_tracklet])
    row_tracklet = np.where(switched, partner[row_tracklet], row_tracklet)
    order = np.lexsort((tick, row_tracklet))
    row_tracklet, tick, row_slot = row_tracklet[order], tick[order], row_slot[order]

    video = video_of_slot[row_slot]
    stray = draw('stray', len(tick)) < layout.stray_rate
    crowd = count[video]
    nobody = (draw('nobody', len(tick)) < 0.5) | (crowd == 1)
    move = 1 + (draw('other', len(tick)) * (crowd - 1)).astype(int)
    other = first_slot[video] + (row_slot - first_slot[video] + move) % crowd
    person = np.where(stray, np.where(nobody, -1, other), row_slot)
    return TrackerOutput(
        tracklet=row_tracklet.astype(np.int32),
        video=video.astype(np.int32),
        frame=(tick * _FRAME_STEP).astype(np.int32),
        person=person.astype(np.int32),
    )


def _switches(
    layout: VideoLayout,
    video: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    draw: Draw,
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracklets that exchange their people, and the tick when they do.

    Returns:
        tuple: ``[T]`` partner, -1: none; ``[T]`` tick.
    """
    size = len(video)
    partner, moment = np.full(size, -1), np.zeros(size, int)
    missing = round(layout.switch_rate * size / 2)
    chosen = []
    free = np.ones(size, bool)
    # Rounds of neighbours in order of their start: a pair wins when no pair that
    # shares a tracklet with it drew a smaller number. One person's tracklets never
    # overlap, so those that meet show two people.
    for number in range(_ROUNDS):
        index = np.flatnonzero(free)
        left, right = index[:-1], index[1:]
        meet = np.minimum(stop[left], stop[right]) - start[right] >= 2
        fits = meet & (video[left] == video[right])
        ticket = np.where(fits, draw(f'switch {number}', len(left)), 2.0)
        padded = np.concatenate([[2.0], ticket, [2.0]])
        wins = fits & (ticket < padded[:-2]) & (ticket < padded[2:])
        pairs = np.flatnonzero(wins)
        pairs = pairs[np.argsort(ticket[pairs])][:missing]
        chosen.append(np.stack([left[pairs], right[pairs]]))
        free[chosen[-1]] = False
        missing -= len(pairs)
    first, second = np.concatenate(chosen, axis=1)
    begin = start[second] + 1
    span = np.minimum(stop[first], stop[second]) - begin
    tick = begin + (draw('moment', len(first)) * span).astype(int)
    partner[first], partner[second] = second, first
    moment[first] = moment[second] = tick
    return partner, moment
