from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from .image_files import PREPARATION, iter_images
from .image_table_builder import ImageTableBuilder
from .lmdb_images import PREFIX, image_root, list_keys
from .official_counts import Counts, warn_of_differences
from .reid_dataset import ReIDDataset


class FolderReader(ReIDDataset):
    """Base of readers that take labels from the paths of images, by a pattern.

    Args:
        data_root (str): Folder of the data set, or an LMDB whose keys are paths
            relative to it.
        pattern (str, optional): Regular expression that is searched in ``'/'`` and
            the path below the folder that is read. Defaults to the class's
            ``PATTERN``.
        **kwargs: Of :class:`ReIDDataset`.

    Attributes:
        PATTERN (str): The class's pattern.
        GROUPS (tuple[str, ...]): Groups that every pattern must have.
        EXAMPLE (str): A name that the class's pattern reads, for messages.
        COUNTS (Counts): What the published data hold, in each part or ``'all'``.

    Raises:
        ValueError: If the pattern is no regular expression or lacks a group.
    """

    PATTERN: ClassVar[str]
    GROUPS: ClassVar[tuple[str, ...]]
    EXAMPLE: ClassVar[str]
    COUNTS: ClassVar[Counts] = {}

    def __init__(
        self, data_root: str, pattern: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_root, **kwargs)
        text = pattern or self.PATTERN
        try:
            self.pattern = re.compile(text)
        except re.error as error:
            raise ValueError(
                f'{self.name}: `pattern` is no regular expression: {error} in {text!r}.'
            ) from error
        lacking = set(self.GROUPS) - set(self.pattern.groupindex)
        if lacking:
            raise ValueError(
                f'{self.name}: `pattern` must have the groups '
                f'{", ".join(self.GROUPS)}, but {sorted(lacking)} are not in {text!r}.'
            )

    def published_counts(self) -> Counts:
        """Hook of subclasses: what the published data hold; nothing if not known.

        Of classes that inherit ``COUNTS`` and data with another name nothing is known.
        """
        return vars(type(self)).get('COUNTS', {}) if self.name == self.NAME else {}

    def compare_counts(self, found: Counts) -> None:
        """Warns if what was read is not what was published."""
        warn_of_differences(self.name, self.data_root, found, self.published_counts())

    @property
    def image_root(self) -> str:
        """``root`` of the table."""
        return image_root(self.data_root)

    def has(self, path: str) -> bool:
        """Whether the data set has a folder or file, on disk or in its LMDB."""
        if os.path.exists(os.path.join(self.data_root, path)):
            return True
        root = self.image_root
        return root.startswith(PREFIX) and any(list_keys(root, os.path.join(path, '')))

    def require(self, path: str, holds: str) -> str:
        """Full path of a folder or file of the data set, which should hold something.

        Raises:
            FileNotFoundError: If it does not exist.
        """
        full = os.path.abspath(os.path.join(self.data_root, path))
        if not self.has(path):
            raise FileNotFoundError(
                f'{self.name}: {full} is missing. It should hold {holds}; '
                f'{PREPARATION}.'
            )
        return full

    def find_images(
        self, builder: ImageTableBuilder, folder: str, holds: str
    ) -> Iterator[str]:
        """Paths of all images below a folder of the data set, relative to that folder.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If there is no image.
        """
        path = self.require(folder, holds)
        name = None
        for name in iter_images(builder, folder):
            yield name
        if name is None:
            raise ValueError(
                f'{self.name}: there is no image in {path}, which should hold {holds}'
                f'{builder.other_files()}; {PREPARATION}.'
            )

    def check_names(self, builder: ImageTableBuilder, wrong: list[str]) -> None:
        """Raises ValueError if there are paths, ``wrong``, that could not be read."""
        if wrong:
            raise ValueError(
                f'{self.name}: the names of {len(wrong)} of '
                f'{len(builder) + len(wrong)} images in {builder.root} cannot be read, '
                f'the first is {wrong[0]!r}. Expected names like {self.EXAMPLE!r} '
                f'(regular expression {self.pattern.pattern!r}). Rename them, move '
                f'them away or set `pattern`; {PREPARATION}.'
            )
