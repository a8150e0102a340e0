from __future__ import annotations

from typing import Any

import numpy as np

# An exact index has lists too: they grow in small steps, and threads can share them.
_EXACT_LISTS = 64
_SHARED_FROM = 500_000
_PROBED_SHARE = 8


class VectorIndex:
    """Features in memory, searched by Faiss: all of them, or the nearest lists.

    Features are float16; queries and scores are float32. It must not be used in forked
    children, where Faiss hangs once the parent has used it.

    Args:
        dim (int): Numbers of a feature.
        centroids (np.ndarray, optional): ``[L, dim]`` float32, of the inverted lists.
            Defaults to None: search is exact.

    Raises:
        ImportError: If Faiss is missing.
    """

    def __init__(self, dim: int, centroids: np.ndarray | None = None) -> None:
        faiss = import_faiss()
        self.is_exact = centroids is None
        if centroids is None:
            centroids = np.zeros((_EXACT_LISTS, dim), np.float32)
        self.num_lists = len(centroids)
        self._quantizer = faiss.IndexFlatIP(dim)
        self._quantizer.add(centroids)
        self._index = faiss.IndexIVFScalarQuantizer(
            self._quantizer,
            dim,
            self.num_lists,
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
            False,  # by_residual: codes are the features themselves
        )
        self._index.is_trained = True
        self._is_there = np.zeros(1, bool)

    def __len__(self) -> int:
        return self._index.ntotal

    @property
    def last_id(self) -> int:
        """Largest id that was ever added."""
        return len(self._is_there) - 1

    def add(self, ids: np.ndarray, lists: np.ndarray, halves: np.ndarray) -> None:
        """Adds features.

        Args:
            ids (np.ndarray): ``[N]`` int64, ascending, above all that were added.
            lists (np.ndarray): ``[N]``, of each; an exact index does not use them.
            halves (np.ndarray): ``[N, dim]`` float16, of unit length.
        """
        if self.is_exact:
            lists = ids % self.num_lists
        # What Faiss calls codes: the number of the list, then the numbers themselves.
        head = self._index.coarse_code_size()
        numbers = lists.astype('<u4').view(np.uint8).reshape(-1, 4)[:, :head]
        codes = np.concatenate([numbers, halves.view(np.uint8)], axis=1)
        self._index.add_sa_codes(np.ascontiguousarray(codes), ids)
        grown = np.zeros(int(ids[-1]) + 1, bool)
        grown[: len(self._is_there)] = self._is_there
        grown[ids] = True
        self._is_there = grown

    def keep(self, ids: np.ndarray) -> None:
        """Removes all features but those of ``ids``, ``[N]``."""
        kept = np.zeros_like(self._is_there)
        kept[ids] = True
        self._index.remove_ids(np.flatnonzero(self._is_there & ~kept))
        self._is_there = kept

    def search(
        self, queries: np.ndarray, topk: int, among: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Finds the nearest features. Among some, search is always exact.

        Args:
            queries (np.ndarray): ``[Q, dim]`` float32.
            topk (int): How many a query.
            among (np.ndarray, optional): Ids to choose from.

        Returns:
            tuple[np.ndarray, np.ndarray]: ``[Q, topk]`` float32 scores, highest first,
            and ids, -1 where there are no more.
        """
        faiss = import_faiss()
        probed, selector = self.num_lists, None
        if among is not None:
            chosen = np.zeros(len(self._is_there), bool)
            chosen[among] = True
            bits = np.packbits(chosen, bitorder='little')
            selector = faiss.IDSelectorBitmap(bits)
        elif not self.is_exact:
            probed = -(-self.num_lists // _PROBED_SHARE)
        # Threads wait for each other, long on a busy machine: only where much is read.
        much = probed == self.num_lists and len(self) > _SHARED_FROM
        self._index.parallel_mode = int(much and len(queries) == 1)
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=probed)
        return self._index.search(queries, topk, params=parameters)


def unit_rows(features: np.ndarray, dim: int) -> np.ndarray:
    """Features of unit length, ``[N, dim]`` float32.

    Raises:
        ValueError: If one has another length than ``dim``, is zero or is not finite.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or features.shape[1] != dim:
        raise ValueError(
            f'features must be [N, {dim}] for this gallery, but are '
            f'{list(features.shape)}.'
        )
    length = np.linalg.norm(features, axis=1, keepdims=True)
    wrong = ~(np.isfinite(length) & (length > 0)).ravel()
    if wrong.any():
        raise ValueError(f'feature {wrong.argmax()} is zero or not finite.')
    return features / length


def import_faiss() -> Any:
    """The module, imported where it is used as it is an extra.

    Raises:
        ImportError: If it is missing; says how to install it.
    """
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            'a gallery needs Faiss: pip install -e ".[gallery]"'
        ) from error
    return faiss
