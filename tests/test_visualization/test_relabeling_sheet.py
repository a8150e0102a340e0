from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dynamix.relabeling.explain import Person, TrackletPart, VideoExplanation
from dynamix.visualization import draw_relabeling_sheet

GREEN, ORANGE, RED = (47, 158, 91), (224, 142, 11), (208, 58, 58)
BLUE, GREY = (91, 112, 131), (197, 205, 214)


def part(rows, tracklet=1, split=False, joined_at=None) -> TrackletPart:
    return TrackletPart(np.array(rows), tracklet, split, joined_at)


def drawn(people, truth=None, threshold=0.3) -> tuple[np.ndarray, list[str]]:
    """Pixels and texts of a sheet; all images are white."""
    figure = draw_relabeling_sheet(
        VideoExplanation(people, threshold),
        lambda row: np.full((64, 32, 3), 255, np.uint8),
        None if truth is None else np.array(truth),
        'video 7',
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    return pixels, [text.get_text() for text in figure.axes[0].texts]


def frames(pixels: np.ndarray, colour: tuple[int, int, int], top: int) -> int:
    """Pixels of a colour in the row of a person that begins at ``top``."""
    return int((np.abs(pixels[top : top + 130] - colour).sum(2) < 12).sum())


def test_numbers_that_decided_are_there():
    pixels, texts = drawn(
        [
            Person(4, [part([0, 1]), part([2], 2, joined_at=0.456)], 9, 0.213),
            Person(9, [part([3], 3)], 4, 0.213),
        ]
    )
    assert 'video 7: threshold 0.30' in texts
    assert {'0.46', '0.21', '2 of t1', '1 of t2', 'person 1', 'person 2'} <= {*texts}
    assert texts.count('person 2') == 2, 'it is the nearest of person 1'
    assert frames(pixels, BLUE, 45) > 500
    assert frames(pixels, GREY, 45) > 200
    assert not any('right' in text for text in texts), 'the truth is not known'


@pytest.mark.parametrize(
    ('truth', 'colours'),
    [
        ([5, 5, 5, 5, 5], {GREEN}),
        ([5, 5, 6, 5, 5], {GREEN, ORANGE}),
        ([5, 5, 6, 6, 5], {GREEN, RED}),
        ([-1, -1, -1, -1, -1], {RED}),
    ],
)
def test_colours_say_what_is_right(truth, colours):
    people = [Person(0, [part([0, 1]), part([2, 3, 4], 2, joined_at=0.4)])]
    pixels, _ = drawn(people, truth)
    for colour in (GREEN, ORANGE, RED):
        assert (frames(pixels, colour, 45) > 300) == (colour in colours)


def test_dropped_crops_are_right_if_they_show_nobody():
    dropped = [Person(0, [part([0])]), Person(-1, [part([1])])]
    below = 45 + 138
    for truth, colour in (([3, -1], GREEN), ([3, 4], RED)):
        pixels, texts = drawn(dropped, truth)
        assert 'dropped' in texts
        assert frames(pixels, colour, below) > 300


def test_what_does_not_fit_is_counted():
    many = [Person(k, [part([k])]) for k in range(20)]
    many[0] = Person(0, [part([k], k) for k in range(30)])
    pixels, texts = drawn(many, threshold=float('inf'))
    assert any('8 more people' in text for text in texts)
    assert '12 not drawn' in texts
    assert 'video 7: nothing joined: similarities tell too little' in texts
    assert pixels.shape[0] == 40 + 138 * (3 + 11) + 30
