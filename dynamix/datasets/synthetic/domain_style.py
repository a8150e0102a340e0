from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .counter_random import Uniforms, make_key

Colour = tuple[float, float, float]

# Clothing colours (BGR) and how common they are: neutrals and blues dominate a street.
_CLOTHES: tuple[tuple[Colour, float], ...] = (
    ((28, 27, 26), 3.0),
    ((58, 55, 52), 2.5),
    ((104, 102, 100), 2.0),
    ((158, 157, 155), 1.5),
    ((228, 228, 226), 2.5),
    ((84, 52, 34), 2.5),
    ((132, 92, 58), 2.5),
    ((178, 148, 116), 1.2),
    ((112, 152, 182), 1.2),
    ((50, 74, 108), 1.2),
    ((66, 96, 96), 1.0),
    ((52, 86, 52), 0.8),
    ((48, 42, 150), 1.2),
    ((44, 34, 92), 1.0),
    ((150, 128, 206), 0.7),
    ((70, 176, 214), 0.6),
    ((128, 66, 104), 0.6),
    ((60, 112, 206), 0.5),
    ((176, 138, 60), 0.6),
)


@dataclass(frozen=True, eq=False)
class DomainStyle:
    """What the people, places, cameras and drawings of one domain have in common.

    Attributes:
        key (int): Key that cameras and places of the domain are derived from.
        upper (tuple[Colour, ...]): BGR colours that upper clothes are made of.
        lower (tuple[Colour, ...]): The same of lower clothes.
        accents (tuple[Colour, ...]): The same of prints, bags, hats and shoes.
        jitter (float): Spread of a person's colours around the palette's.
        patterns (tuple[float, ...]): Weights of plain, horizontal stripes, vertical
            stripes, checks, two halves, print.
        warmth (float): 0 winter (coats, trousers) to 1 summer (T-shirts, shorts).
        bags (float): Share of people with a bag.
        hats (float): Share of people with a hat.
        outline (float): 0 none, else how dark the drawn outlines are.
        shading (float): How dark the shaded side of a body is.
        grain (float): Strength of sensor noise and uneven light.
        places (tuple[float, ...]): Weights of the kinds of background.
        exposure (float): Spread of the cameras' exposure (in stops).
        cast (float): Spread of the cameras' colour gains.
        gamma (float): Spread of the cameras' gamma.
        resolution (tuple[float, float]): Range of the height, in pixels, that the
            cameras resolve people with.
        pitch (float): Largest downward view of the cameras.
        jpeg (float): Share of images kept as a strongly compressed JPEG.
        occluded (float): Share of images with something before the person.
    """

    key: int
    upper: tuple[Colour, ...]
    lower: tuple[Colour, ...]
    accents: tuple[Colour, ...]
    jitter: float
    patterns: tuple[float, ...]
    warmth: float
    bags: float
    hats: float
    outline: float
    shading: float
    grain: float
    places: tuple[float, ...]
    exposure: float
    cast: float
    gamma: float
    resolution: tuple[float, float]
    pitch: float
    jpeg: float
    occluded: float


def _palette(uniform: Uniforms, size: int) -> tuple[Colour, ...]:
    weights = [weight for _, weight in _CLOTHES]
    colours = []
    for _ in range(size):
        choice = uniform.choose(weights)
        weights[choice] = 0.0
        shift = uniform(-14, 14)
        blue, green, red = _CLOTHES[choice][0]
        colours.append(
            (
                min(max(blue - shift, 8.0), 247.0),
                min(max(green + uniform(-8, 8), 8.0), 247.0),
                min(max(red + shift, 8.0), 247.0),
            )
        )
    return tuple(colours)


@lru_cache(maxsize=256)
def domain_style(domain: int | str) -> DomainStyle:
    """The style of a domain: another number or name, another style."""
    key = make_key('domain', domain)
    uniform = Uniforms(key, 160)
    low = uniform(64, 100)
    return DomainStyle(
        key=key,
        upper=_palette(uniform, 8),
        lower=_palette(uniform, 6),
        accents=_palette(uniform, 7),
        jitter=uniform(5, 10),
        patterns=(
            uniform(3, 5),
            uniform(0.5, 1.6),
            uniform(0.2, 0.8),
            uniform(0.3, 1.0),
            uniform(0.4, 1.2),
            uniform(0.8, 2.0),
        ),
        warmth=uniform(0.15, 0.85),
        bags=uniform(0.4, 0.7),
        hats=uniform(0.1, 0.3),
        outline=uniform(0.35, 0.65) if uniform.below(0.4) else 0.0,
        shading=uniform(0.05, 0.3),
        grain=uniform(0.08, 0.3),
        places=tuple(uniform(0.05, 1.0) ** 2 for _ in range(5)),
        exposure=uniform(0.2, 0.4),
        cast=uniform(0.08, 0.16),
        gamma=uniform(0.1, 0.22),
        resolution=(low, low + uniform(40, 90)),
        pitch=uniform(0.08, 0.28),
        jpeg=uniform(0.05, 0.2),
        occluded=uniform(0.1, 0.25),
    )
