from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dynamix.relabeling.explain import Person, TrackletPart, VideoExplanation

# Sizes in pixels of the figure at 100 dots per inch.
_WIDTH, _LEFT, _RIGHT = 780, 106, 112
_CELL, _HEIGHT, _GAP, _LINE = 52, 104, 40, 138
_TOP, _BOTTOM = 40, 30
_COLUMNS = (_WIDTH - _LEFT - _RIGHT) // (_CELL + _GAP)
_MOST_PEOPLE, _MOST_PARTS = 12, 3 * _COLUMNS
_INK, _PALE, _PLAIN = '#1f2933', '#66727f', '#5b7083'
_RIGHT_COLOUR, _MIXED, _WRONG = '#2f9e5b', '#e08e0b', '#d03a3a'


def draw_relabeling_sheet(
    video: VideoExplanation,
    read_image: Callable[[int], np.ndarray],
    truth: np.ndarray | None = None,
    title: str = '',
) -> Figure:
    """Draws what a relabeling did in a video: a row a person, a picture a tracklet.

    Between two pictures stands the mean similarity that joined them; behind the last
    one the nearest person that was left apart. Where the truth is known, colours say
    what is right.

    Args:
        video (VideoExplanation): What was done; its first twelve people are drawn, and
            what was dropped; of each at most 18 parts.
        read_image (Callable): Gives the ``[H, W, 3]`` uint8 BGR image of a position.
            The middle image of a part stands for it.
        truth (np.ndarray, optional): ``[n]`` true identity of each image; -1: shows no
            person. Defaults to None: not known.
        title (str): Stands above with the threshold. Defaults to ``''``.

    Returns:
        Figure: 780 pixels wide at 100 dots per inch.
    """
    return _Sheet(video, read_image, truth, title).figure


class _Sheet:
    def __init__(
        self,
        video: VideoExplanation,
        read_image: Callable[[int], np.ndarray],
        truth: np.ndarray | None,
        title: str,
    ) -> None:
        self.read_image, self.truth = read_image, truth
        people = [one for one in video.people if one.label >= 0]
        drawn = people[:_MOST_PEOPLE] + [p for p in video.people if p.label < 0]
        lines = [-(-min(len(one.parts), _MOST_PARTS) // _COLUMNS) for one in drawn]
        height = _TOP + _LINE * sum(lines) + _BOTTOM
        self.figure = Figure(figsize=(_WIDTH / 100, height / 100), facecolor='white')
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
        self.axes.axis('off')
        self.people = {one.label: one for one in video.people}
        self.name = {p.label: f'person {n}' for n, p in enumerate(people, 1)}
        self.knows_similarity = not np.isnan(video.threshold)
        threshold = f'threshold {video.threshold:.2f}'
        if not self.knows_similarity:
            threshold = 'no similarities known'
        elif video.threshold > 1:
            threshold = 'nothing joined: similarities tell too little'
        heading = ': '.join(filter(None, (title, threshold)))
        self._text(14, 22, heading, size=10, weight='bold')
        top = _TOP
        for one, count in zip(drawn, lines):
            self._person(one, top)
            top += _LINE * count
        left_out = len(people) - len(people[:_MOST_PEOPLE])
        self._legend(top + 12, left_out)

    def _person(self, one: Person, top: float) -> None:
        images = sum(len(part.rows) for part in one.parts)
        tracklets = len({part.tracklet for part in one.parts})
        self.axes.plot([14, _WIDTH - 14], [top, top], color='#e3e8ee', linewidth=0.8)
        name = self.name.get(one.label, 'dropped')
        self._text(14, top + 34, name, weight='bold')
        self._text(14, top + 52, _count(tracklets, 'tracklet'), colour=_PALE)
        self._text(14, top + 68, _count(images, 'image'), colour=_PALE)
        if len(one.parts) > _MOST_PARTS:
            text = f'{len(one.parts) - _MOST_PARTS} not drawn'
            self._text(14, top + 84, text, colour=_PALE)
        for k, part in enumerate(one.parts[:_MOST_PARTS]):
            line, column = divmod(k, _COLUMNS)
            x = _LEFT + column * (_CELL + _GAP)
            y = top + 8 + _LINE * line
            self._picture(part, x, y, self._colour(part, one), _caption(part))
            if part.joined_at is not None:
                same = self._same(one.parts[k - 1].rows, part.rows)
                colour = {None: _PLAIN, True: _RIGHT_COLOUR, False: _WRONG}[same]
                self._link(x - _GAP, y, part.joined_at, colour)
        if one.nearest >= 0:
            self._nearest(one, top + 8)
        elif self.knows_similarity and one.label >= 0 and len(self.name) > 1:
            words = ('all others', 'were there at', 'the same time')
            for k, text in enumerate(words):
                y = top + 38 + 13 * k
                self._text(_WIDTH - 14, y, text, size=7, colour=_PALE, ha='right')

    def _nearest(self, one: Person, y: float) -> None:
        """The most similar person that was left apart, at the right edge."""
        x = _WIDTH - 14 - _CELL
        other = self.people[one.nearest]
        same = self._same(_rows(one), _rows(other))
        colour = {None: _PLAIN, True: _WRONG, False: _RIGHT_COLOUR}[same]
        self._picture(other.parts[0], x, y, '#c5cdd6', self.name[other.label])
        self._text(
            x - 8, y + 40, f'{one.nearest_similarity:.2f}', colour=colour, ha='right'
        )
        self._text(x - 8, y + 54, 'apart', colour=colour, size=7, ha='right')

    def _picture(
        self, part: TrackletPart, x: float, y: float, colour: str, caption: str
    ) -> None:
        image = cv2.resize(
            self.read_image(int(part.rows[len(part.rows) // 2])),
            (2 * _CELL, 2 * _HEIGHT),
            interpolation=cv2.INTER_CUBIC,
        )
        self.axes.imshow(
            image[..., ::-1], extent=(x, x + _CELL, y + _HEIGHT, y), aspect='auto'
        )
        self.axes.add_patch(
            Rectangle(
                (x, y),
                _CELL,
                _HEIGHT,
                fill=False,
                edgecolor=colour,
                linewidth=2.2,
                linestyle='--' if part.split else '-',
            )
        )
        self._text(x + _CELL / 2, y + _HEIGHT + 12, caption, size=7, ha='center')

    def _link(self, x: float, y: float, similarity: float, colour: str) -> None:
        middle = y + _HEIGHT / 2
        self.axes.plot([x + 3, x + _GAP - 3], [middle, middle], color=colour)
        self._text(
            x + _GAP / 2, middle - 8, f'{similarity:.2f}', colour=colour, ha='center'
        )

    def _legend(self, y: float, left_out: int) -> None:
        text = 'dashed: split off' + (
            f'.  {_count(left_out, "more person", "more people")}, not drawn'
            if left_out
            else ''
        )
        entries = [(_PALE, text)]
        if self.truth is not None:
            entries = [
                (_RIGHT_COLOUR, 'right'),
                (_MIXED, 'partly'),
                (_WRONG, 'wrong, or left apart in error'),
                *entries,
            ]
        x = 14.0
        for colour, words in entries:
            if colour != _PALE:
                self.axes.add_patch(Rectangle((x, y - 5), 10, 10, color=colour))
                x += 15
            self._text(x, y, words, size=7.5, colour=_PALE)
            x += 5.2 * len(words) + 18

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 8,
        colour: str = _INK,
        ha: str = 'left',
        weight: str = 'normal',
    ) -> None:
        self.axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=ha,
            va='center',
            weight=weight,
            parse_math=False,
        )

    def _colour(self, part: TrackletPart, one: Person) -> str:
        """Colour of a part of a person, or of what was dropped."""
        if self.truth is None:
            return _PLAIN
        # right is: to show the person of most images; no person where dropped
        dropped = one.label < 0
        shown = -1 if dropped else _most(self.truth[_rows(one)])
        share = np.mean(self.truth[part.rows] == shown)
        if share < 0.5 or (shown < 0 and not dropped):
            return _WRONG
        return _RIGHT_COLOUR if share == 1 else _MIXED

    def _same(self, one: np.ndarray, other: np.ndarray) -> bool | None:
        """Whether most images of both show the same person; None: not known."""
        if self.truth is None:
            return None
        person = _most(self.truth[one])
        return person >= 0 and person == _most(self.truth[other])


def _rows(one: Person) -> np.ndarray:
    return np.concatenate([part.rows for part in one.parts])


def _most(truth: np.ndarray) -> int:
    values, count = np.unique(truth, return_counts=True)
    return int(values[count.argmax()])


def _caption(part: TrackletPart) -> str:
    return f'{"+" if part.stray else ""}{len(part.rows)} of t{part.tracklet}'


def _count(number: int, one: str, many: str = '') -> str:
    return f'{number} {one if number == 1 else many or one + "s"}'
