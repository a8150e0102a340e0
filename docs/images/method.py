"""Draw docs/images/method.svg: ``python docs/images/method.py``."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

INK, GREY, PALE = '#20262e', '#7a8594', '#eef1f5'
RELABELING, SAMPLING, CENTROIDS = '#c8553d', '#2a7f9e', '#5c8a3a'
PEOPLE = ['#e8a33d', '#4f7cac', '#9b5fa5', '#5aa469']


def box(ax: Axes, x: float, y: float, w: float, h: float, title: str, color: str):
    """Draw a box with its title on top."""
    frame = FancyBboxPatch((x, y), w, h, boxstyle='round,pad=0,rounding_size=1.2')
    frame.set(facecolor='white', edgecolor=color, linewidth=1.6)
    ax.add_patch(frame)
    ax.text(x + w / 2, y + h - 2.6, title, color=color, ha='center', weight='bold')


def note(ax: Axes, x: float, y: float, text: str, **style):
    """Write small text, centred."""
    style = dict(color=INK, ha='center', va='center', size=7.5) | style
    ax.text(x, y, text, linespacing=1.35, **style)


def arrow(ax: Axes, start: tuple, end: tuple, bend: float = 0, color: str = INK):
    """Draw an arrow between two points."""
    style = dict(arrowstyle='-|>', color=color, lw=1.3, shrinkA=0, shrinkB=0)
    style['connectionstyle'] = f'arc3,rad={bend}'
    ax.annotate('', end, start, arrowprops=style)


def squares(ax: Axes, x: float, y: float, colors: list[str], size: float = 1.9):
    """Draw a row of images, one square each."""
    for i, color in enumerate(colors):
        ax.add_patch(Rectangle((x + 1.25 * size * i, y), size, 1.6 * size, fc=color))


def window(ax: Axes):
    """Draw the videos and the window over them."""
    box(ax, 2, 32, 22, 20, 'Single-camera videos', INK)
    note(ax, 13, 47, 'labelled by a tracker', color=GREY)
    for i in range(7):
        inside = 2 <= i < 5
        x = 4.2 + 2.6 * i
        ax.add_patch(Rectangle((x, 38.5), 2, 5, fc=INK if inside else '#c9d0d9'))
    frame = Rectangle((8.7, 37.5), 8.2, 7, fill=False, ec=RELABELING, lw=1.6)
    ax.add_patch(frame)
    note(ax, 13, 34.8, 'window: the next W videos', color=RELABELING)


def relabeling(ax: Axes):
    """Draw tracklets before and after relabeling."""
    box(ax, 52, 32, 46, 20, 'Relabeling Module', RELABELING)
    orange, blue, purple, _ = PEOPLE
    before = [(44.5, [orange] * 3), (40.5, [orange] * 3), (36.5, [blue, blue, purple])]
    for y, colors in before:
        squares(ax, 54.5, y - 1.2, colors)
    arrow(ax, (62.5, 41), (66.5, 41))
    squares(ax, 68, 43.3, [orange] * 6)
    squares(ax, 68, 39.3, [blue] * 2)
    squares(ax, 68, 35.3, [purple])
    ax.plot([67.6, 70.3], [35, 38.6], color=INK, lw=1.3)
    note(ax, 90.5, 44.7, 'merge fragments', color=RELABELING)
    note(ax, 90.5, 40.7, 'split switches', color=RELABELING)
    note(ax, 90.5, 36.7, 'drop outliers', color=RELABELING)
    note(ax, 60, 33.6, "tracker's labels", color=GREY, size=6.5)
    note(ax, 73, 33.6, 'repaired labels', color=GREY, size=6.5)


def sampling(ax: Axes):
    """Draw the composition of a batch."""
    box(ax, 2, 3, 30, 21, 'Data Sampling Module', SAMPLING)
    orange, blue, purple, green = PEOPLE
    squares(ax, 4.5, 15.5, [orange] * 3 + [blue] * 3, 1.5)
    note(ax, 24, 16.7, 'multi-camera,\nlabelled by hand:\nmany cameras', size=6.5)
    squares(ax, 4.5, 10.7, [purple] * 3 + [green] * 3, 1.5)
    squares(ax, 4.5, 6.6, ['#b9855a'] * 3 + ['#6f6f8f'] * 3, 1.5)
    note(ax, 24, 10, 'single-camera:\nseveral people\nof the same video', size=6.5)


def encoders(ax: Axes):
    """Draw both encoders."""
    box(ax, 38, 14.5, 20, 9.5, 'Encoder', INK)
    note(ax, 48, 18, 'augmented view', color=GREY)
    box(ax, 38, 3, 20, 9.5, 'Momentum encoder', INK)
    note(ax, 48, 6, 'plain view;\nalone at inference', color=GREY)
    arrow(ax, (32, 15), (38, 19.2))
    arrow(ax, (32, 12), (38, 7.7))
    arrow(ax, (48, 14.5), (48, 12.5), color=GREY)
    note(ax, 52.5, 13.5, 'average', color=GREY, size=6.5)


def centroids(ax: Axes):
    """Draw one centroid of each identity on a circle, and the losses."""
    box(ax, 74, 3, 24, 21, 'Efficient Centroids Module', CENTROIDS)
    center = np.array([81.5, 11.5])
    ax.add_patch(Circle(center, 5.2, fill=False, ec=GREY, lw=0.8))
    for angle, color in zip((20, 100, 190, 290), PEOPLE):
        turn = np.deg2rad(angle + np.array([-16, -7, 9, 17]))
        points = center[:, None] + 5.2 * np.stack([np.cos(turn), np.sin(turn)])
        ax.scatter(*points, s=8, color=color, alpha=0.6, lw=0)
        middle = center + 5.2 * np.array(
            [np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))]
        )
        ax.scatter(*middle, s=70, color=color, marker='*', ec=INK, lw=0.6, zorder=3)
    note(ax, 92.3, 11.5, 'one centroid\nof each\nidentity', size=7)
    box(ax, 62.5, 8.5, 8.5, 9.5, 'Losses', INK)
    note(ax, 66.7, 11.5, 'four', color=GREY)
    arrow(ax, (58, 19.2), (62.5, 15))
    arrow(ax, (58, 7.7), (62.5, 11.5))
    arrow(ax, (74, 13.2), (71, 13.2), color=CENTROIDS)
    arrow(ax, (58, 4.6), (74, 4.6), color=CENTROIDS)
    note(ax, 66.5, 5.7, 'update', color=CENTROIDS, size=6.5)


def main() -> None:
    plt.rcParams.update({'svg.hashsalt': 'method', 'font.size': 8.2})
    fig, ax = plt.subplots(figsize=(10, 5.8))
    ax.set(xlim=(0, 100), ylim=(0, 58), aspect='equal')
    ax.axis('off')
    for y, h, text in (
        (30.5, 26.5, 'at the start of an epoch'),
        (1, 27, 'each iteration'),
    ):
        ax.add_patch(Rectangle((0, y), 100, h, fc=PALE, lw=0))
        ax.text(1.2, y + h - 2.2, text, color=GREY, size=8.5, style='italic')
    window(ax)
    box(ax, 29, 36, 18, 12, 'Momentum encoder', INK)
    note(ax, 38, 40, 'embeds up to 4 images\nof each tracklet', color=GREY)
    arrow(ax, (24, 42), (29, 42))
    arrow(ax, (47, 42), (52, 42))
    relabeling(ax)
    sampling(ax)
    encoders(ax)
    centroids(ax)
    arrow(ax, (56, 32), (24, 24), color=SAMPLING)
    note(ax, 34.5, 29.3, 'labels', color=SAMPLING)
    arrow(ax, (78, 32), (78, 24), color=CENTROIDS)
    note(ax, 88.5, 29.3, 'centroids of the window', color=CENTROIDS)
    path = Path(__file__).with_suffix('.svg')
    fig.savefig(path, bbox_inches='tight', pad_inches=0.05, metadata={'Date': None})


if __name__ == '__main__':
    main()
