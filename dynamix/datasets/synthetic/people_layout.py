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
            the first is the query and the others stand in the gallery. Defaults to 4.
    """

    num_identities: int = 100
    num_cameras: int = 4
    images_per_camera: int = 4

    def __post_init__(self) -> None:
        check_whole('num_identities', self.num_identities, 1)
        check_whole('num_cameras', self.num_cameras, 1)
        check_whole('images_per_camera', self.images_per_camera, 1)
