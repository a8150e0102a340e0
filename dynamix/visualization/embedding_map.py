"""Maps of embeddings: points in the plane, coloured by labels."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from .report_page import environment, image_uri

_FEW = 10
_GOLDEN = 0.618034


def draw_embedding_map(
    points: np.ndarray, colourings: Mapping[str, Sequence[str]]
) -> Figure:
    """Draws the same points once for each way to colour them.

    Args:
        points (np.ndarray): ``[n, 2]`` floats.
        colourings (Mapping[str, Sequence[str]]): By title: ``n`` labels. Up to ten
            different ones get a legend.

    Returns:
        Figure: Panels of 5 x 5 inches, side by side.
    """
    figure = Figure(figsize=(5 * len(colourings), 5), layout='constrained')
    panels = figure.subplots(1, len(colourings), squeeze=False)[0]
    for axes, (title, labels) in zip(panels, colourings.items()):
        colours = label_colours(labels)
        size = float(np.clip(6000 / max(len(points), 1), 4, 30))
        paint = [colours[label] for label in labels]
        axes.scatter(*points.T, s=size, c=paint, linewidths=0)
        axes.set_title(f'{title} ({len(colours)})', parse_math=False)
        axes.set(xticks=[], yticks=[])
        axes.set_aspect('equal', adjustable='datalim')
        axes.spines[:].set_color('#d5dbe1')
        if len(colours) <= _FEW:
            for label, colour in colours.items():
                axes.scatter([], [], c=colour, label=label)
            for text in axes.legend(fontsize=8).get_texts():
                text.set_parse_math(False)
    return figure


def embedding_map_page(
    points: np.ndarray,
    colourings: Mapping[str, Sequence[str]],
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    title: str,
) -> str:
    """Makes a page with the map whose points show their image under the pointer.

    Args:
        points (np.ndarray): ``[n, 2]`` floats.
        colourings (Mapping[str, Sequence[str]]): By title: ``n`` labels.
        images (Sequence[np.ndarray]): ``n`` small images, ``[H, W, 3]`` uint8 BGR.
        captions (Sequence[str]): ``n`` texts below these.
        title (str): Heading of the page.

    Returns:
        str: HTML that needs no other file and no network.
    """
    span = max(float(np.ptp(points, axis=0).max(initial=0)), 1e-9)
    place = 10 + 980 * (points - points.min(axis=0)) / span
    height = 10 + place[:, 1].max()
    panels = []
    for name, labels in colourings.items():
        colours = label_colours(labels)
        circles = [
            (f'{x:.1f}', f'{height - y:.1f}', colours[label])
            for (x, y), label in zip(place.tolist(), labels)
        ]
        legend = colours if len(colours) <= _FEW else {}
        panels.append((f'{name} ({len(colours)})', circles, legend))
    template = environment().get_template('embedding_map.html.j2')
    return template.render(
        title=title,
        panels=panels,
        height=f'{height:.0f}',
        images=[image_uri(image) for image in images],
        captions=list(captions),
    )


def label_colours(labels: Sequence[str]) -> dict[str, str]:
    """Gives each different label a colour, ``'#rrggbb'``; up to ten are told apart."""
    names = sorted({*labels})
    if len(names) <= _FEW:
        return {name: to_hex(colormaps['tab10'](i)) for i, name in enumerate(names)}
    return {
        name: to_hex(colorsys.hsv_to_rgb(i * _GOLDEN % 1, 0.55 + 0.4 * (i % 2), 0.8))
        for i, name in enumerate(names)
    }
