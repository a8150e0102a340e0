from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .counter_random import Uniforms
from .domain_style import Colour, DomainStyle

PATTERNS = ('plain', 'stripes', 'columns', 'checks', 'halves', 'print')
UPPERS = ('t-shirt', 'shirt', 'jacket', 'coat', 'dress')
LOWERS = ('trousers', 'wide trousers', 'shorts', 'skirt', 'long skirt')
HAIRS = ('bald', 'short', 'bob', 'long', 'bun')
BAGS = ('backpack', 'shoulder bag', 'hand bag')
HATS = ('cap', 'beanie', 'brimmed hat')

_SKINS: tuple[Colour, ...] = (
    (178, 202, 234),
    (150, 180, 220),
    (118, 150, 196),
    (84, 116, 164),
    (58, 82, 122),
    (40, 56, 84),
)
_HAIRS: tuple[Colour, ...] = (
    (22, 20, 20),
    (30, 38, 52),
    (42, 66, 98),
    (92, 140, 178),
    (128, 128, 130),
    (44, 58, 120),
)


@dataclass(frozen=True)
class Appearance:
    """What a person looks like, whatever the camera.

    Lengths are shares of the body height, colours BGR in 0..255, kinds names of the
    tuples of this module; no bag or hat is ``'none'``.
    """

    head: float
    legs: float
    shoulders: float
    hips: float
    build: float
    skin: Colour
    hair: str
    hair_colour: Colour
    upper: str
    upper_colour: Colour
    second_colour: Colour
    pattern: str
    pattern_size: float
    hem: float
    lower: str
    lower_colour: Colour
    lower_stripe: bool
    shoe_colour: Colour
    bag: str
    bag_colour: Colour
    bag_side: int
    bag_size: float
    hat: str
    hat_colour: Colour
    stride: float


def _around(colour: Colour, spread: float, uniform: Uniforms) -> Colour:
    light = uniform(-spread, spread)
    return (
        min(max(colour[0] + light + uniform(-spread, spread) / 2, 4.0), 251.0),
        min(max(colour[1] + light + uniform(-spread, spread) / 2, 4.0), 251.0),
        min(max(colour[2] + light + uniform(-spread, spread) / 2, 4.0), 251.0),
    )


@lru_cache(maxsize=1024)
def draw_appearance(style: DomainStyle, key: int) -> Appearance:
    """Draws the person numbered ``key`` in the palette and season of a domain."""
    uniform = Uniforms(key, 96)

    def pick(palette: tuple[Colour, ...], power: float = 1.3) -> Colour:
        place = int(len(palette) * uniform() ** power)
        return _around(palette[place], style.jitter, uniform)

    warm = style.warmth
    long_hair = uniform.below(0.5)
    uppers = 0.15 + 2.0 * warm, 1.6, 1.2 - 0.6 * warm, 1.3 - 1.2 * warm, 0.5 * long_hair
    upper = UPPERS[uniform.choose(uppers)]
    lowers = 2.6, 0.8, 0.1 + 1.2 * warm, 0.2 + 0.9 * long_hair * warm, 0.5 * long_hair
    lower = LOWERS[uniform.choose(lowers)]
    upper_colour = pick(style.upper)
    lower_colour = pick(style.lower)
    second = pick(style.upper, 1.0)
    while abs(sum(second) - sum(upper_colour)) < 90:
        # A pattern must be seen: push the two colours apart in lightness.
        sign = 1.0 if sum(upper_colour) < 330 else -1.0
        second = tuple(  # type: ignore[assignment]
            min(max(c + sign * 45.0, 5.0), 250.0) for c in second
        )
    dress = upper == 'dress'
    hairs = (0, 0.2, 1.0, 1.6, 0.8) if long_hair else (0.4, 2.4, 0.3, 0.2, 0)
    return Appearance(
        head=uniform(0.118, 0.146),
        legs=uniform(0.445, 0.525),
        shoulders=uniform(0.098, 0.122) - 0.008 * long_hair,
        hips=uniform(0.078, 0.098),
        build=uniform(0.82, 1.0) if uniform.below(0.7) else uniform(1.05, 1.35),
        skin=_around(_SKINS[uniform.integer(6)], 8, uniform),
        hair=HAIRS[uniform.choose(hairs)],
        hair_colour=_around(
            _HAIRS[uniform.choose([3, 2, 1.5, 1, 0.8, 0.4])], 6, uniform
        ),
        upper=upper,
        upper_colour=upper_colour,
        second_colour=second,
        pattern=PATTERNS[uniform.choose(style.patterns)],
        pattern_size=uniform(0.0, 1.0),
        hem=uniform(0.2, 0.3) if upper in ('dress', 'coat') else uniform(-0.03, 0.03),
        lower='skirt' if dress else lower,
        lower_colour=upper_colour if dress else lower_colour,
        lower_stripe=uniform.below(0.15),
        shoe_colour=pick(style.accents, 1.0),
        bag=(
            BAGS[uniform.choose((2.0, 1.3, 1.0))]
            if uniform.below(style.bags)
            else 'none'
        ),
        bag_colour=pick(style.accents, 1.0),
        bag_side=1 if uniform.below(0.5) else -1,
        bag_size=uniform(0.75, 1.25),
        hat=HATS[uniform.integer(3)] if uniform.below(style.hats) else 'none',
        hat_colour=pick(style.accents, 1.0),
        stride=uniform(0.3, 0.55),
    )
