from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from .appearance import draw_appearance
from .background import HEIGHT, WIDTH, WINDOW, make_panorama
from .camera import Camera, make_camera
from .counter_random import Uniforms, hash_uniform, make_key
from .domain_style import DomainStyle
from .figure import paint_person
from .painter import Painter
from .pose import make_pose


@lru_cache(maxsize=8)
def _grain(height: int, width: int) -> np.ndarray:
    """Sensor noise on slowly changing light, mean 128, a little larger than asked."""
    shape = (height + 48, width + 48, 3)
    key = make_key('grain')
    fine = hash_uniform(key, np.arange(2 * np.prod(shape))).reshape(2, *shape)
    coarse = hash_uniform(make_key(key, 'coarse'), np.arange(60)).reshape(6, 10)
    coarse = cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    tile = 128 + 45 * (fine.sum(axis=0) - 1.0) + 190 * (coarse[..., None] - 0.5)
    tile = np.clip(np.rint(tile), 0, 255).astype(np.uint8)
    tile.setflags(write=False)
    return tile


class PedestrianRenderer:
    """Draws the people of one domain, each picture from keys alone.

    Args:
        style (DomainStyle): The domain.
        image_size (tuple[int, int]): Height and width of the pictures.
    """

    def __init__(self, style: DomainStyle, image_size: tuple[int, int]) -> None:
        self.style = style
        self.image_size = image_size

    def __call__(
        self,
        person_key: int | None,
        camera_key: int,
        passage_key: int,
        frame: int,
    ) -> np.ndarray:
        """Draws one crop.

        Args:
            person_key (int | None): Who; None draws the place alone.
            camera_key (int): Which camera.
            passage_key (int): One walk of somebody past the camera; its pictures
                share direction, gait and place and change with ``frame``.
            frame (int): Time within the passage.

        Returns:
            np.ndarray: ``[h, w, 3]`` uint8, BGR.
        """
        style = self.style
        camera = make_camera(style, camera_key)
        walk = Uniforms(passage_key, 16)
        still = Uniforms(make_key(passage_key, frame), 48)
        height, width = self.image_size
        sharpness = min(1.0, camera.resolution * still(0.85, 1.15) / height)
        high = max(16, round(height * sharpness))
        wide = max(8, round(width * sharpness))

        view = camera.direction + walk(-0.6, 0.6)
        if walk.below(0.5):
            view += math.pi
        elif walk.below(0.5):
            view = walk(0.0, 2.0 * math.pi)
        view += 0.25 * math.sin(0.06 * frame + walk(0.0, 6.3))
        view += 0.6 * math.sin(0.02 * frame + walk(0.0, 6.3))
        phase = walk(0.0, 6.3) + frame * walk(0.25, 0.55)
        effort = 0.0 if walk.below(0.12) else walk(0.7, 1.15)
        place = walk(0.0, 1.0) + 0.004 * frame * effort * math.sin(view)

        image = self._background(camera_key, place, still, high, wide)
        zoom = camera.framing * still(0.86, 0.98)
        stretch = camera.framing * still(0.88, 1.14)
        feet = still(0.94, 1.0) + max(0.0, still(-0.6, 0.14))
        frame_of = (
            wide * still(0.44, 0.56),
            high * feet,
            2.0 * wide * zoom * stretch,
            high * zoom,
        )
        if person_key is not None:
            if still.below(0.08):
                self._person(
                    image,
                    camera,
                    make_key(style.key, 'passer-by', int(still() * 997)),
                    (still(0.0, 6.3), still(0.0, 6.3), effort),
                    frame_of,
                    still(0.28, 0.42) * (1 if still.below(0.5) else -1),
                )
            self._person(
                image, camera, person_key, (view, phase, effort), frame_of, 0.0
            )
        if still.below(style.occluded):
            self._occlude(image, camera, still)
        return self._develop(image, camera, still)

    def _background(
        self, camera_key: int, place: float, still: Uniforms, high: int, wide: int
    ) -> np.ndarray:
        panorama = make_panorama(self.style, camera_key)
        span = 2 * (WIDTH - WINDOW - 8)
        left = int(place * span) % span
        left = min(left, span - left) + still.integer(8)
        top = still.integer(8)
        window = panorama[top : top + HEIGHT - 8, left : left + WINDOW]
        return cv2.resize(window, (wide, high), interpolation=cv2.INTER_LINEAR)

    def _person(
        self,
        image: np.ndarray,
        camera: Camera,
        key: int,
        motion: tuple[float, float, float],
        frame_of: tuple[float, float, float, float],
        shift: float,
    ) -> None:
        person = draw_appearance(self.style, key)
        painter = Painter()
        painter.ellipse((0.02, 0.015), (0.17, 0.022), (52, 50, 50))
        paint_person(painter, person, make_pose(person, *motion), self.style.shading)
        points = painter.points()
        x, y = points[:, 0], points[:, 1]
        pitch = camera.pitch
        x = x * (1.0 + 0.7 * pitch * (y - 0.5)) + camera.roll * (y - 0.5) + shift
        y = y * (1.0 - pitch) + pitch * y * y
        points[:, 0] = frame_of[0] + x * frame_of[2]
        points[:, 1] = frame_of[1] - y * frame_of[3]
        colours = camera.respond(painter.colours())
        painter.draw(image, points, colours, self.style.outline)

    @staticmethod
    def _occlude(image: np.ndarray, camera: Camera, still: Uniforms) -> None:
        high, wide = image.shape[:2]
        colour = [still(20, 200) for _ in range(3)]
        grey = sum(colour) / 3
        colours = np.array([[0.7 * grey + 0.3 * c for c in colour]])
        seen = camera.respond(colours)[0].tolist()
        kind, place, size = still.integer(3), still(), still()
        if kind == 0:
            left, top = place * wide, 0.0
            right, bottom = left + wide * (0.05 + 0.12 * size), float(high)
        elif kind == 1:
            left, top = 0.0, high * (0.66 + 0.22 * place)
            right, bottom = float(wide), float(high)
        else:
            left, top = -1.0, high * (0.2 + 0.5 * size)
            right, bottom = wide * (0.12 + 0.2 * place), float(high)
            if still.below(0.5):
                left, right = wide - right, float(wide)
        corner, end = (int(left), int(top)), (int(right), int(bottom))
        cv2.rectangle(image, corner, end, seen, cv2.FILLED)
        dark = [0.75 * c for c in seen]
        cv2.rectangle(image, corner, end, dark, 1)

    def _develop(
        self, image: np.ndarray, camera: Camera, still: Uniforms
    ) -> np.ndarray:
        height, width = self.image_size
        high, wide = image.shape[:2]
        if camera.blur > 0.3:
            image = cv2.GaussianBlur(image, (3, 3), camera.blur)
        top, left = still.integer(48), still.integer(48)
        tile = _grain(height, width)[top : top + high, left : left + wide]
        gain, grain = still(0.88, 1.12), self.style.grain * still(0.6, 1.3)
        image = cv2.addWeighted(image, gain, tile, grain, -128.0 * grain)
        if still.below(self.style.jpeg):
            quality = [cv2.IMWRITE_JPEG_QUALITY, 12 + still.integer(35)]
            code = cv2.imencode('.jpg', image, quality)[1]
            image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
        if (high, wide) != (height, width):
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        return image
