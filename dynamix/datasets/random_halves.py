from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from dynamix.config_checks import check_whole

from .labelled_folder import LabelledFolder


class RandomHalves(LabelledFolder):
    """Small data sets that are judged on many random halves of their people.

    Of the people seen by both cameras a random half is searched for, once a split;
    their images of the first folder are queries, those of the second the gallery,
    together with the people that only the second folder holds. Scores are averaged
    over the splits. The halves are drawn from ``seed`` (published splits differ
    between papers). For training all images are used: ``split='all'``.

    Args:
        data_root (str): Folder of the data set.
        split (str): ``'test'`` or ``'all'``. Defaults to ``'test'``.
        num_splits (int): Defaults to 10.
        seed (int): Defaults to 0.
        **kwargs: Of :class:`LabelledFolder`.

    Raises:
        ValueError: If ``num_splits`` is below 1.
    """

    FOLDERS: ClassVar[dict[str, str]] = dict(query='cam_a', gallery='cam_b')
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = dict(
        test=('query', 'gallery'), all=('query', 'gallery')
    )

    def __init__(
        self,
        data_root: str,
        split: str = 'test',
        num_splits: int = 10,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, split, **kwargs)
        check_whole(f'{self.name}.num_splits', num_splits, 1)
        self.num_splits = num_splits
        self.seed = seed

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Hook of subclasses: draws one split.

        Args:
            generator (np.random.Generator): To draw from.

        Returns:
            tuple: ``[n]`` booleans each: is a query, stands in the gallery.
        """
        identity = self.table.identity
        is_query, is_gallery = self.in_part('query'), self.in_part('gallery')
        pairs = np.intersect1d(identity[is_query], identity[is_gallery])
        searched = half(pairs, generator)
        return (
            is_query & np.isin(identity, searched),
            is_gallery & (np.isin(identity, searched) | ~np.isin(identity, pairs)),
        )

    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        generator = np.random.default_rng(self.seed)
        return [self.draw(generator) for _ in range(self.num_splits)]


def half(people: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random half of some numbers, rounded up."""
    return generator.permutation(people)[: len(people) - len(people) // 2]
