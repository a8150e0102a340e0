from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


class TargetImages:
    """The images of one target, each once, in the order of their numbers.

    The order, and with it the ranking of equal scores, depends neither on the number
    of processes nor on the batch size.

    Args:
        name (str): The target.
        records (Sequence[dict]): One an image, in any order, with ``feature``
            (``[D]`` float32), ``identity``, ``camera``, ``image_index``,
            ``query_splits``, ``gallery_splits``, ``img_path``. Repeated images
            count once; ``image_index`` -1 marks one that could not be read.

    Raises:
        ValueError: If a feature is not finite or no vector, or no image was readable.
    """

    def __init__(self, name: str, records: Sequence[dict[str, Any]]) -> None:
        self.name = name
        self.num_unreadable = sum(int(r['image_index']) == -1 for r in records)
        first: dict[int, dict[str, Any]] = {}
        for record in records:
            first.setdefault(int(record['image_index']), record)
        first.pop(-1, None)
        kept = [first[index] for index in sorted(first)]
        if not kept:
            raise ValueError(f"no image of target '{name}' could be read.")
        self.image_index = np.array(sorted(first), dtype=np.int64)
        self.identity = np.array([int(r['identity']) for r in kept])
        self.camera = np.array([int(r['camera']) for r in kept])
        self.path = [str(r['img_path']) for r in kept]
        self._query_splits = [tuple(r['query_splits']) for r in kept]
        self._gallery_splits = [tuple(r['gallery_splits']) for r in kept]
        self.feature = np.stack([record['feature'] for record in kept])
        if self.feature.ndim != 2:
            raise ValueError(
                f"features of target '{name}' must be vectors, but they have the shape "
                f'{self.feature.shape[1:]}.'
            )
        wrong = np.flatnonzero(~np.isfinite(self.feature).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"{len(wrong)} of {len(kept)} features of target '{name}' are not "
                'finite (NaN or infinite), the first is that of '
                f'{kept[wrong[0]]["img_path"]}: the training may have diverged.'
            )

    @classmethod
    def group(cls, records: Sequence[dict[str, Any]]) -> Iterator[TargetImages]:
        """One object for each target, by name."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            groups.setdefault(str(record['target']), []).append(record)
        for name in sorted(groups):
            yield cls(name, groups[name])

    def splits(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Rows of the queries and of the gallery, by split number.

        Raises:
            ValueError: If a split has no query or no gallery.
        """
        query, gallery = _members(self._query_splits), _members(self._gallery_splits)
        for split in sorted(query.keys() | gallery.keys()) or [0]:
            for what, members in (('query', query), ('gallery', gallery)):
                if split not in members:
                    raise ValueError(
                        f"split {split} of target '{self.name}' has no {what} image."
                    )
        return {split: (query[split], gallery[split]) for split in sorted(query)}


def _members(splits: list[tuple[int, ...]]) -> dict[int, np.ndarray]:
    rows: dict[int, list[int]] = {}
    for row, numbers in enumerate(splits):
        for number in numbers:
            rows.setdefault(int(number), []).append(row)
    return {number: np.array(members) for number, members in rows.items()}
