"""Places: procedural panoramas that people walk through."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .camera import make_camera
from .counter_random import Uniforms, hash_uniform, make_key
from .domain_style import DomainStyle

HEIGHT, WIDTH, WINDOW = 128, 448, 64


def _smooth(key: int, rows: int, columns: int, low: float, high: float) -> np.ndarray:
    """``[HEIGHT, WIDTH, 3]`` uint8 of slowly changing colours."""
    values = hash_uniform(key, np.arange(rows * columns * 3))
    grid = (low + (high - low) * values).reshape(rows, columns, 3)
    grid = 0.6 * grid.mean(axis=2, keepdims=True) + 0.4 * grid
    size = (WIDTH, HEIGHT)
    return cv2.resize(grid.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)


def _tint(uniform: Uniforms, low: float, high: float) -> tuple[float, float, float]:
    light = uniform(low, high)
    return (
        light + uniform(-25, 25),
        light + uniform(-15, 15),
        light + uniform(-25, 25),
    )


def _box(
    image: np.ndarray,
    left: float,
    top: float,
    right: float,
    bottom: float,
    colour: tuple,
) -> None:
    cv2.rectangle(
        image, (int(left), int(top)), (int(right), int(bottom)), colour, cv2.FILLED
    )


def _floor(image: np.ndarray, uniform: Uniforms) -> int:
    """A floor, often with seams or tiles; returns the row where it begins."""
    horizon = int(HEIGHT * uniform(0.52, 0.85))
    _box(image, 0, horizon, WIDTH, HEIGHT, _tint(uniform, 60, 190))
    seam = _tint(uniform, 40, 210)
    kind = uniform.integer(3)
    if kind > 0:
        step = uniform(12, 40)
        lean = uniform(-20, 20)
        for i in range(int(WIDTH / step) + 2):
            x = int(i * step)
            cv2.line(image, (x, horizon), (int(x + lean), HEIGHT), seam, 1)
    if kind > 1:
        for share in (0.15, 0.4, 0.75):
            y = int(horizon + (HEIGHT - horizon) * share)
            cv2.line(image, (0, y), (WIDTH, y), seam, 1)
    return horizon


def _hall(image: np.ndarray, uniform: Uniforms) -> None:
    horizon = _floor(image, uniform)
    for _ in range(uniform.integer(7) + 3):
        x, wide = uniform(0, WIDTH), uniform(14, 50)
        top = uniform(0, horizon * 0.6)
        high = uniform(15, 60) if uniform.below(0.6) else HEIGHT
        _box(
            image,
            x,
            top,
            x + wide,
            min(top + high, horizon - 1),
            _tint(uniform, 40, 225),
        )


def _facade(image: np.ndarray, uniform: Uniforms) -> None:
    horizon = _floor(image, uniform)
    glass, frame = _tint(uniform, 30, 200), _tint(uniform, 60, 220)
    step, high = uniform(28, 60), uniform(22, 45)
    wide, start = step * uniform(0.4, 0.75), uniform(0, 20)
    top = uniform(2, 14)
    while top + high < horizon - 4:
        for i in range(int(WIDTH / step) + 1):
            x = start + i * step
            _box(image, x - 2, top - 2, x + wide + 2, top + high + 2, frame)
            _box(image, x, top, x + wide, top + high, glass)
        top += high * 1.4


def _park(image: np.ndarray, uniform: Uniforms) -> None:
    horizon = int(HEIGHT * uniform(0.45, 0.7))
    _box(image, 0, horizon, WIDTH, HEIGHT, _tint(uniform, 90, 170))
    green = (uniform(30, 80), uniform(80, 150), uniform(50, 110))
    for _ in range(28):
        shade = uniform(0.6, 1.3)
        centre = (int(uniform(0, WIDTH)), int(uniform(0, horizon * 1.1)))
        axes = (int(uniform(8, 34)), int(uniform(8, 26)))
        colour = tuple(c * shade for c in green)
        cv2.ellipse(image, centre, axes, 0, 0, 360, colour, cv2.FILLED)
    for _ in range(4):
        x = uniform(0, WIDTH)
        _box(image, x, 0, x + uniform(3, 9), horizon + 12, (40, 55, 70))


def _shop(image: np.ndarray, uniform: Uniforms) -> None:
    horizon = _floor(image, uniform)
    rows = 2 + uniform.integer(3)
    for row in range(rows):
        top = horizon * row / rows
        x = -uniform(0, 10)
        while x < WIDTH:
            wide = uniform(9, 30)
            _box(
                image,
                x,
                top + uniform(2, 8),
                x + wide - 2,
                top + horizon / rows - 3,
                _tint(uniform, 30, 230),
            )
            x += wide


def _road(image: np.ndarray, uniform: Uniforms) -> None:
    horizon = _floor(image, uniform)
    white = _tint(uniform, 180, 225)
    for _ in range(3):
        y = uniform(horizon + 6, HEIGHT)
        for i in range(9):
            _box(image, i * 52, y, i * 52 + 26, y + 3, white)
    for _ in range(4):
        x, wide, paint = uniform(0, WIDTH), uniform(50, 90), _tint(uniform, 20, 220)
        top = horizon - uniform(12, 26)
        _box(image, x, top, x + wide, horizon + 14, paint)
        _box(image, x + 10, top - 12, x + wide - 14, top, (70, 62, 56))
        for wheel in (0.2, 0.8):
            centre = (int(x + wide * wheel), horizon + 14)
            cv2.circle(image, centre, 7, (25, 25, 25), cv2.FILLED)


_PLACES = (_hall, _facade, _park, _shop, _road)


@lru_cache(maxsize=64)
def make_panorama(style: DomainStyle, camera_key: int) -> np.ndarray:
    """The place before a camera, in its colours: ``[HEIGHT, WIDTH, 3]`` uint8 BGR."""
    camera = make_camera(style, camera_key)
    key = make_key(camera_key, 'place')
    uniform = Uniforms(key, 800)
    image = _smooth(make_key(key, 'base'), 3, 7, 70, 225)
    _PLACES[camera.place](image, uniform)
    light = _smooth(make_key(key, 'light'), 4, 9, 90, 165)
    image = cv2.multiply(image, light, scale=1 / 128)
    image = cv2.GaussianBlur(image, (3, 3), 0.5 + uniform(0.0, 1.0))
    image = camera.respond(image).astype(np.uint8)
    image.setflags(write=False)
    return image
