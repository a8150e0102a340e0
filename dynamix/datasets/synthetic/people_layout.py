from __future__ import annotations

from dataclasses import dataclass

from dynamix.config_checks import check_whole


@dataclass(frozen=True)
class PeopleLayout:
    """How many people a network of cameras sees.

    Every camera sees every identity.

    Attributes:
        num_identities (int): Defaults to 100.
        num_cameras (int): Defaults to 4.
        images_per_camera (int): Images of an identity under a camera. Of a target,
            the first is the query and the others stand in the gallery; a single one
            is both. Defaults to 4.
        num_distractors (int): Images of further people, one each, in a target's
            gallery; their identity is 0. Defaults to 0.
        num_junk (int): Images without a person in a target's gallery; their identity
            is -1. Defaults to 0.
    """

    num_identities: int = 100
    num_cameras: int = 4
    images_per_camera: int = 4
    num_distractors: int = 0
    num_junk: int = 0

    def __post_init__(self) -> None:
        check_whole('num_identities', self.num_identities, 1)
        check_whole('num_cameras', self.num_cameras, 1)
        check_whole('images_per_camera', self.images_per_camera, 1)
        check_whole('num_distractors', self.num_distractors, 0)
        check_whole('num_junk', self.num_junk, 0)

    @property
    def num_people_images(self) -> int:
        """Images of the identities, without distractors and junk."""
        return self.num_identities * self.num_cameras * self.images_per_camera
