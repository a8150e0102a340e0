from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dynamix.config_checks import check_whole
from dynamix.registry import DATASETS

from ..image_table import ImageTable
from ..reid_dataset import ReIDDataset, Transform
from .counter_random import make_key
from .domain_style import domain_style
from .renderer import PedestrianRenderer
from .tracker import VideoLayout, track_videos

SPLITS = ('train', 'test', 'videos')
_PASSAGE = 4


@dataclass(frozen=True)
class PeopleLayout:
    """How many people a network of cameras sees.

    Every camera sees every identity.

    Attributes:
        num_identities (int): Defaults to 100.
        num_cameras (int): Defaults to 4.
        images_per_camera (int): Images of an identity under a camera. Of a target,
            the first is the query and the others stand in the gallery. Defaults to 4.
    """

    num_identities: int = 100
    num_cameras: int = 4
    images_per_camera: int = 4

    def __post_init__(self) -> None:
        check_whole('num_identities', self.num_identities, 1)
        check_whole('num_cameras', self.num_cameras, 1)
        check_whole('images_per_camera', self.images_per_camera, 1)


@DATASETS.register_module()
class SyntheticPedestrians(ReIDDataset):
    """People drawn on the fly: data that is always there and whose truth is known.

    Every picture is a function of the configuration and its row, so it is the same
    in every worker, in any order, on any machine. The people of two splits are
    different ones; the cameras of ``train`` and ``test`` of one domain are the same.
    Ours.

    Args:
        split (str): ``'train'``: people seen by several cameras; ``'test'``: an
            evaluation set of the same kind; ``'videos'``: single-camera videos with
            the labels of a tracker that makes errors. Defaults to ``'train'``.
        domain (int | str | Sequence[int | str]): Style of people, places, cameras
            and drawing; another number or name is another domain. Videos may be
            dealt to several domains. Defaults to 0.
        seed (int): Another seed, other people and cameras in the domain's style.
            Defaults to 0.
        image_size (tuple[int, int]): Height and width to draw at. Defaults to
            ``(256, 128)``.
        name (str, optional): Defaults to ``'synthetic-<domain>'``.
        pipeline (Sequence[dict | Callable]): See :class:`ReIDDataset`.
        **layout: Fields of :class:`PeopleLayout` (``train``, ``test``) or of
            :class:`VideoLayout` (``videos``).

    Raises:
        ValueError: If a value is out of its range; the message names the key.
        TypeError: If a key is unknown to the split.
    """

    NAME: ClassVar[str] = 'synthetic'
    CACHED: ClassVar[bool] = False
    people: PeopleLayout
    videos: VideoLayout

    def __init__(
        self,
        split: str = 'train',
        domain: int | str | Sequence[int | str] = 0,
        seed: int = 0,
        image_size: tuple[int, int] = (256, 128),
        name: str | None = None,
        pipeline: Sequence[Transform] = (),
        **layout: Any,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f'`split` must be one of {SPLITS}, but got {split!r}.')
        check_whole('seed', seed, 0)
        if not isinstance(image_size, Sequence) or len(image_size) != 2:
            raise ValueError(
                f'`image_size` must be (height, width), but got {image_size!r}.'
            )
        self.domains = [domain] if isinstance(domain, int | str) else list(domain)
        if not self.domains or (len(self.domains) > 1 and split != 'videos'):
            raise ValueError(
                '`domain` must be a number or a name, or several of them for videos, '
                f'but got {domain!r} for split {split!r}.'
            )
        label = '+'.join(str(one) for one in self.domains[:3])
        super().__init__('', name or f'{self.NAME}-{label}', pipeline)
        self.split = split
        self.seed = seed
        if split == 'videos':
            self.kind = 'single_camera'
            self.videos = VideoLayout(**layout)
        else:
            self.people = PeopleLayout(**layout)
        height, width = image_size
        self._renderers = [
            PedestrianRenderer(domain_style(one), (height, width))
            for one in self.domains
        ]

    def build_table(self) -> ImageTable:
        """Writes the table; a million rows take a second or two."""
        if self.split == 'videos':
            tracked = track_videos(self.videos, make_key(self.seed, *self.domains))
            self.truth = self._person = tracked.person
            return ImageTable.from_columns(
                identity=tracked.tracklet, video=tracked.video, frame=tracked.frame
            )
        shape = (
            self.people.num_identities,
            self.people.num_cameras,
            self.people.images_per_camera,
        )
        identity, camera, _ = np.indices(shape).reshape(3, -1)
        return ImageTable.from_columns(identity=identity, camera=camera)

    def read_table(self) -> None:
        """Marks the rows of a target that are queries."""
        if self.split == 'test':
            query = np.arange(len(self.table)) % self.people.images_per_camera == 0
            self.set_splits([(query, ~query)])

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Draws a picture.

        Returns:
            dict: As of :class:`ReIDDataset`, with ``img``: ``[h, w, 3]`` uint8 BGR;
            ``img_path`` is a readable name of what is drawn, no file.
        """
        self.full_init()
        row = range(len(self.table))[index]
        draw = self._video_image if self.split == 'videos' else self._camera_image
        image, name = draw(row)
        return dict(image_index=row, img_path=name, img=image, **self.labels(row))

    def _camera_image(self, row: int) -> tuple[np.ndarray, str]:
        renderer = self._renderers[0]
        base = make_key(self.seed, renderer.style.key)
        person, camera = int(self.table.identity[row]), int(self.table.camera[row])
        image = row % self.people.images_per_camera
        person_key = make_key(base, self.split, person)
        picture = renderer(
            person_key,
            make_key(base, 'camera', camera),
            make_key(person_key, camera, image // _PASSAGE),
            5 * (image % _PASSAGE),
        )
        return picture, (
            f'synthetic/d{self.domains[0]}/{self.split}/person{person}/c{camera}/'
            f'{image:04d}'
        )

    def _video_image(self, row: int) -> tuple[np.ndarray, str]:
        video, frame = int(self.table.video[row]), int(self.table.frame[row])
        person = int(self._person[row])
        place = video % len(self.domains)
        renderer = self._renderers[place]
        base = make_key(self.seed, renderer.style.key)
        camera_key = make_key(base, 'video', video)
        if person < 0:
            who, person_key, passage = 'nobody', None, make_key(base, 'nobody', row)
        else:
            who, person_key = f'person{person}', make_key(base, 'walker', person)
            passage = make_key(camera_key, who)
        picture = renderer(person_key, camera_key, passage, frame)
        return picture, (
            f'synthetic/d{self.domains[place]}/video{video:03d}/{who}/f{frame:04d}'
        )
