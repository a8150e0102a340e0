from __future__ import annotations

import re

import numpy as np
from matplotlib.figure import Figure

from dynamix.visualization import (
    draw_embedding_map,
    embedding_map_page,
    render_report,
)
from dynamix.visualization.embedding_map import label_colours
from dynamix.visualization.report_page import (
    Picture,
    Section,
    Table,
    figure_uri,
    image_uri,
)

BAD = '<script>alert("1")</script>'


def test_whatever_is_filled_in_is_text():
    section = Section(
        'One two', [BAD], Table((BAD,), ((BAD,),)), [Picture('data:,', BAD)], BAD
    )
    page = render_report(BAD, BAD, [(BAD, BAD)], [section, Section('Empty')])
    assert '<script' not in page
    assert page.count('&lt;script&gt;') == 11
    assert '<a href="#one-two">' in page
    assert '<section id="one-two">' in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page), 'needs another file'


def test_pictures_are_inside():
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    assert figure_uri(figure).startswith('data:image/svg+xml;base64,')
    assert figure_uri(figure, 'png').startswith('data:image/png;base64,iVBOR')
    image = np.zeros((4, 2, 3), np.uint8)
    assert image_uri(image).startswith('data:image/jpeg;base64,/9j/')


def test_map_has_a_point_an_image_in_each_panel():
    points = np.random.default_rng(0).normal(size=(30, 2))
    labels = {'identity': [str(k // 2) for k in range(30)], 'dataset': [BAD] * 30}
    images = [np.zeros((4, 2, 3), np.uint8)] * 30
    page = embedding_map_page(points, labels, images, [BAD] * 30, BAD)
    assert page.count('<circle') == 60
    assert page.count(';base64,') == 30
    assert page.count('<script') == page.count('</script>') == 1
    for x, y in re.findall(r'cx="([-.\d]+)" cy="([-.\d]+)"', page):
        assert 9 < float(x) < 991
        assert 9 < float(y) < 991
    figure = draw_embedding_map(points, labels)
    assert [len(axes.collections[0].get_offsets()) for axes in figure.axes] == [30, 30]
    legends = [axes.get_legend() for axes in figure.axes]
    assert legends[0] is None, '15 identities are too many to name'
    assert [text.get_text() for text in legends[1].get_texts()] == [BAD]


def test_different_labels_have_different_colours():
    for count in (1, 10, 50):
        colours = label_colours([str(k) for k in range(count)] * 2)
        assert len(colours) == len({*colours.values()}) == count
