from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from dynamix.config_checks import check_keys, check_whole
from dynamix.registry import DATASETS

from ..image_table import ImageTable
from ..reid_dataset import ReIDDataset, Transform
from .counter_random import make_key
from .domain_style import domain_style
from .people_layout import PeopleLayout
from .renderer import PedestrianRenderer
from .tracker import VideoLayout, track_videos

SPLITS = ('train', 'test', 'videos')
_PASSAGE = 4


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
        for side in image_size:
            check_whole('image_size', side, 16)
        self.domains = [domain] if isinstance(domain, int | str) else list(domain)
        if not self.domains or (len(self.domains) > 1 and split != 'videos'):
            raise ValueError(
                f'`domain` of split {split!r} must be '
                + ('at least one' if split == 'videos' else 'one')
                + f' number or name, but got {domain!r}.'
            )
        label = '+'.join(str(one) for one in self.domains[:3])
        super().__init__('', name or f'{self.NAME}-{label}', pipeline)
        self.split = split
        self.seed = seed
        self.image_size = (int(image_size[0]), int(image_size[1]))
        kind = VideoLayout if split == 'videos' else PeopleLayout
        check_keys(
            f'SyntheticPedestrians(split={split!r})',
            layout,
            [field.name for field in fields(kind)],
        )
        if split == 'train' and (
            layout.get('num_distractors') or layout.get('num_junk')
        ):
            raise ValueError(
                '`num_distractors` and `num_junk` are for the gallery of a target: '
                "they need split='test'."
            )
        self.people = PeopleLayout(**layout) if split != 'videos' else None
        self.videos = VideoLayout(**layout) if split == 'videos' else None
        self.kind = 'single_camera' if split == 'videos' else 'multi_camera'
        self._renderers = [
            PedestrianRenderer(domain_style(one), self.image_size)
            for one in self.domains
        ]

    def build_table(self) -> ImageTable:
        """Writes the table; a million rows take a second or two."""
        if self.videos is not None:
            tracked = track_videos(
                self.videos, make_key(self.seed, *self.domains), len(self.domains)
            )
            self.truth = tracked.person
            return ImageTable.from_columns(
                identity=tracked.tracklet, video=tracked.video, frame=tracked.frame
            )
        layout = self._people_layout()
        row = np.arange(layout.num_people_images)
        identity = row // (layout.num_cameras * layout.images_per_camera)
        camera = row // layout.images_per_camera % layout.num_cameras
        if self.split == 'test':
            extra = np.arange(layout.num_distractors + layout.num_junk)
            others = np.where(extra < layout.num_distractors, 0, -1)
            identity = np.concatenate([identity + 1, others])
            camera = np.concatenate([camera, extra % layout.num_cameras])
        return ImageTable.from_columns(identity=identity, camera=camera)

    def read_table(self) -> None:
        """Marks the rows of a target that are queries."""
        if self.split != 'test':
            return
        layout = self._people_layout()
        row = np.arange(len(self.table))
        person = row < layout.num_people_images
        query = person & (row % layout.images_per_camera == 0)
        self.set_splits([(query, ~query | (layout.images_per_camera == 1))])

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Draws a picture.

        Args:
            index (int): Row of the image.

        Returns:
            dict: As of :class:`ReIDDataset`, with ``img``: ``[h, w, 3]`` uint8 BGR;
            ``img_path`` is a readable name of what is drawn, no file.
        """
        self.full_init()
        row = range(len(self.table))[index]
        draw = self._draw_video_image if self.videos else self._draw_camera_image
        image, name = draw(row)
        return dict(image_index=row, img_path=name, img=image, **self.labels(row))

    def _people_layout(self) -> PeopleLayout:
        assert self.people is not None, 'videos have no PeopleLayout'
        return self.people

    def _draw_camera_image(self, row: int) -> tuple[np.ndarray, str]:
        layout = self._people_layout()
        renderer = self._renderers[0]
        base = make_key(self.seed, renderer.style.key)
        camera = int(self.table.camera[row])
        number = row // (layout.num_cameras * layout.images_per_camera)
        image = row % layout.images_per_camera
        who, person_key = f'person{number}', make_key(base, self.split, number)
        if row >= layout.num_people_images:
            number, image = row - layout.num_people_images, 0
            who = f'distractor{number}'
            person_key = make_key(base, 'distractor', number)
        passage = make_key(person_key, camera, image // _PASSAGE)
        nobody = row >= layout.num_people_images + layout.num_distractors
        who = f'nobody{number - layout.num_distractors}' if nobody else who
        picture = renderer(
            None if nobody else person_key,
            make_key(base, 'camera', camera),
            passage,
            5 * (image % _PASSAGE),
        )
        return picture, (
            f'synthetic/d{self.domains[0]}/{self.split}/{who}/c{camera}/{image:04d}'
        )

    def _draw_video_image(self, row: int) -> tuple[np.ndarray, str]:
        assert self.truth is not None, 'full_init sets the truth of videos'
        video, frame = int(self.table.video[row]), int(self.table.frame[row])
        person = int(self.truth[row])
        place = video % len(self.domains)
        renderer = self._renderers[place]
        base = make_key(self.seed, renderer.style.key)
        camera_key = make_key(base, 'video', video)
        who = 'nobody' if person < 0 else f'person{person}'
        passage = make_key(camera_key, who) if person >= 0 else make_key(base, who, row)
        picture = renderer(
            None if person < 0 else make_key(base, 'walker', person),
            camera_key,
            passage,
            frame,
        )
        return picture, (
            f'synthetic/d{self.domains[place]}/video{video:03d}/{who}/f{frame:04d}'
        )

    def __getstate__(self) -> dict[str, Any]:
        """Configuration only: a loader worker writes the table again by itself."""
        state = {k: v for k, v in self.__dict__.items() if k != 'table'}
        state.update(
            truth=None,
            query_splits=None,
            gallery_splits=None,
            _fully_initialized=False,
        )
        return state
