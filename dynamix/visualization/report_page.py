"""A page of text, tables and pictures in one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure


class Picture(NamedTuple):
    """``source``: a data URI; ``caption``: what is seen; ``wide``: over the page."""

    source: str
    caption: str
    wide: bool = False


class Table(NamedTuple):
    """``head``: names of the columns; ``rows``: their text."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Section(NamedTuple):
    """A part of a page, with an anchor of its own.

    Args:
        title (str): Its heading; the anchor is made of it.
        text (Sequence[str]): Paragraphs.
        table (Table, optional): Below the text.
        pictures (Sequence[Picture]): Below the table.
        code (str): Stands collapsed below the pictures.
    """

    title: str
    text: Sequence[str] = ()
    table: Table | None = None
    pictures: Sequence[Picture] = ()
    code: str = ''

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(' ', '-')


def environment() -> Environment:
    """Jinja2 with the templates of this package; whatever is filled in is escaped."""
    return Environment(
        loader=PackageLoader('dynamix', 'visualization'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_report(
    title: str,
    subtitle: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
) -> str:
    """Makes a page that needs no other file and no network.

    Args:
        title (str): Its heading.
        subtitle (str): Below it.
        facts (Sequence[tuple[str, str]]): Figures that matter most: value and meaning.
        sections (Sequence[Section]): In this order.

    Returns:
        str: HTML.
    """
    template = environment().get_template('report.html.j2')
    return template.render(
        title=title, subtitle=subtitle, facts=facts, sections=sections
    )


def figure_uri(figure: Figure, format: str = 'svg') -> str:
    """A figure as a data URI: ``'svg'`` for lines, ``'png'`` for photographs."""
    file = io.BytesIO()
    figure.savefig(
        file,
        format=format,
        dpi=150,
        metadata=dict(Date=None) if format == 'svg' else None,
    )
    kind = dict(svg='svg+xml').get(format, format)
    return _uri(kind, file.getvalue())


def image_uri(image: np.ndarray) -> str:
    """``[H, W, 3]`` uint8 BGR pixels as a data URI, JPEG."""
    quality = (cv2.IMWRITE_JPEG_QUALITY, 88)
    return _uri('jpeg', cv2.imencode('.jpg', image, quality)[1].tobytes())


def _uri(kind: str, content: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'
