"""From which similarity pieces of one video show one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from .levels import about_as_good, clear_gap
from .linkage import Tree, link
from .same_person import same_person, transition_width
from .silhouette import silhouette
from .strangers import agree_with_video, strangers_of_two_videos

BLOCK = 512
CUTS = 48
# Trees are cut on a sample of whole videos with about so many pairs of pieces.
MAX_PAIRS = 1 << 17
MAX_PIECES = 256
EXCESS = 3.0
NEARLY = 0.05
FLAT = 0.0125
ROUNDING = 1e-6


@dataclass(frozen=True)
class MergeLevel:
    """Similarity from which pieces merge, by the size of their video.

    Of ``n`` pieces, a piece has about as many others of its person whatever ``n`` is,
    so the odds that a pair shows one person fall as ``1 / n``. Where evidence grows by
    a factor e over a ``width`` of similarity, a video with e times as many pieces asks
    for as much more (Bayes; ours). So does a cluster with e times as many pieces, as
    ``growth`` of :func:`link` (ours).

    Args:
        similarity (float): In a video of ``typical`` size; infinite: nothing merges.
            Defaults to infinity.
        width (float): Rise with the logarithm of the number of pieces. Defaults to 0.
        typical (float): A number of pieces. Defaults to 1.
    """

    similarity: float = np.inf
    width: float = 0.0
    typical: float = 1.0

    def of(self, video: np.ndarray) -> np.ndarray:
        """``[P]`` the level of each piece, from the video of each, sorted."""
        return self.similarity + self.width * (log_sizes(video) - np.log(self.typical))


NO_MERGES = MergeLevel()


def log_sizes(video: np.ndarray) -> np.ndarray:
    """``[P]`` log of the number of pieces of the video of each, videos sorted."""
    count = np.unique(video, return_counts=True)[1]
    return np.repeat(np.log(count), count)


def pairs_above(
    vectors: np.ndarray, video: np.ndarray, level: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pieces of one video that are alike.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors; pieces of one video contiguous.
        video (np.ndarray): ``[P]`` video of each, sorted.
        level (np.ndarray, optional): ``[P]`` least similarity, the same for all pieces
            of a video. Defaults to None: all pairs.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[E, 2]`` int64 pairs ``i < j`` and their
        ``[E]`` similarities.
    """
    rows, columns, scores = [], [], []
    size = np.unique(video, return_counts=True)[1]
    end_of = np.repeat(np.cumsum(size), size)
    begin = 0
    while begin < len(video):
        # whole videos while they fit; of a longer one, a slice of its rows
        stop = min(begin + BLOCK, len(video))
        reach = int(end_of[stop - 1])
        block = vectors[begin:stop] @ vectors[begin:reach].T
        near = video[begin:stop, None] == video[None, begin:reach]
        if level is not None:
            near &= block >= level[begin:stop, None]
        i, j = np.nonzero(near)
        i, j = i[j > i], j[j > i]
        rows.append(i + begin)
        columns.append(j + begin)
        scores.append(block[i, j])
        begin = stop
    if not rows:
        return np.empty((0, 2), np.int64), np.empty(0, vectors.dtype)
    edges = np.stack([np.concatenate(rows), np.concatenate(columns)], 1)
    return edges.astype(np.int64), np.concatenate(scores)


def merge_pieces(
    vectors: np.ndarray, video: np.ndarray, forbidden: np.ndarray, merging: MergeLevel
) -> Tree:
    """Merges pieces of each video down to a level.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors; pieces of one video contiguous.
        video (np.ndarray): ``[P]`` video of each, sorted.
        forbidden (np.ndarray): ``[F, 2]`` pairs of different people.
        merging (MergeLevel): The level.

    Returns:
        Tree: What merged.
    """
    level = merging.of(video)
    edges, _ = pairs_above(vectors, video, level)
    return link(vectors, level, edges, forbidden, growth=merging.width)


def merge_level(
    vectors: np.ndarray,
    video: np.ndarray,
    images: np.ndarray,
    forbidden: np.ndarray,
    separation: float,
    seed: int,
) -> MergeLevel:
    """Where to cut the trees of pieces of all videos.

    Average linkage makes a tree of each video. Of all cuts at one height, higher by
    :class:`MergeLevel` where a video is larger, the best has the largest sum of the
    expected pairwise F1 over images, by :func:`same_person`, and ``separation`` times
    the mean silhouette of the pieces. The first alone is right where the strangers'
    scores are known well, the second finds the gap between people where there is one
    (ours). Of cuts that are hardly worse the middle one is taken; if higher ones are
    about as good and leave a clear gap (:func:`clear_gap`), one there. Look-alikes of
    one video reach scores that strangers of two do not. Pairs that share a frame show
    how many of them are as alike as the cut asks for: unless there are enough other
    pairs, nothing is merged.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors; pieces of one video contiguous.
        video (np.ndarray): ``[P]`` video of each, sorted.
        images (np.ndarray): ``[P]`` number of images of each.
        forbidden (np.ndarray): ``[F, 2]`` pairs of different people.
        separation (float): Weight of the silhouette.
        seed (int): Draws the pairs that show strangers.

    Returns:
        MergeLevel: One at which nothing merges, if no more pairs are alike than among
        strangers, or no cut is better than merging nothing.
    """
    size = log_sizes(video)
    far, far_size = strangers_of_two_videos(vectors, size, video, seed)
    if len(far) == 0:
        return NO_MERGES
    typical = size.mean()
    size, far_size = size - typical, far_size - typical
    some = _some_videos(video, seed)
    place = np.full(len(video), -1)
    place[some] = np.arange(len(some))
    vectors, video, images, size = (x[some] for x in (vectors, video, images, size))
    forbidden = place[forbidden]
    forbidden = forbidden[(forbidden >= 0).all(1)]
    pairs, similarity = pairs_above(vectors, video)
    if len(similarity) == 0:
        return NO_MERGES
    strangers = agree_with_video(far, far, similarity)
    if not _more_than_strangers(similarity, strangers):
        return NO_MERGES
    width = transition_width(similarity, same_person(similarity, strangers))
    score = similarity - width * size[pairs[:, 0]]
    far = far - width * far_size
    same = same_person(score, agree_with_video(far, far, score))
    banned = np.isin(pairs @ [len(video), 1], forbidden @ [len(video), 1])
    same[banned] = 0
    tree = link(vectors, width * size, pairs, forbidden, least=-np.inf, growth=width)
    if len(tree.height) == 0:
        return NO_MERGES
    heights = np.unique(tree.height)[::-1]
    chosen = _candidates(heights)
    nothing = _value(np.arange(len(video)), pairs, similarity, same, images, 0)
    values = []
    for k in chosen:
        cluster = _cut(tree.pairs[tree.height >= heights[k]], len(video))
        values.append(_value(cluster, pairs, similarity, same, images, separation))
    if max(values) <= nothing + 1e-9:
        return NO_MERGES
    height = _best_height(np.array(values), nothing, chosen, heights) - ROUNDING
    if not _worth_it(score >= height, banned, nothing):
        return NO_MERGES
    return MergeLevel(height, width, float(np.exp(typical)))


def _some_videos(video: np.ndarray, seed: int) -> np.ndarray:
    """Pieces of videos in an order drawn once, while there are not too many pairs.

    Of a long video the first ``MAX_PIECES`` pieces are taken.
    """
    names, first, size = np.unique(video, return_index=True, return_counts=True)
    size = np.minimum(size, MAX_PIECES)
    order = np.random.default_rng(seed).permutation(len(names))
    pairs = np.cumsum(size[order] * (size[order] - 1) // 2)
    size[order[1:][pairs[1:] > MAX_PAIRS]] = 0
    place = np.arange(len(video)) - np.repeat(first, np.diff(first, append=len(video)))
    return np.flatnonzero(place < np.repeat(size, np.diff(first, append=len(video))))


def _more_than_strangers(scores: np.ndarray, strangers: np.ndarray) -> bool:
    """Whether more pairs are alike, somewhere, than chance brings about."""
    score = -np.sort(-scores)
    above = len(strangers) - np.searchsorted(np.sort(strangers), score, 'left')
    expected = above / len(strangers) * len(score)
    excess = np.arange(1, len(score) + 1) - expected
    return bool((excess > EXCESS * np.sqrt(expected + 1)).any())


def _worth_it(alike: np.ndarray, banned: np.ndarray, f1: float) -> bool:
    """Whether enough of the alike pairs are no look-alikes.

    Those that share a frame show how many look-alikes to expect among the others. A
    few of them may be errors of the tracker, so it is their number less its standard
    deviation that counts. Pairs joined raise the F1 if more than half of ``f1``, that
    of joining nothing, is the share of them that shows one person.
    """
    seen = int((alike & banned).sum())
    if seen == 0:
        return True
    others = int((alike & ~banned).sum())
    expected = (seen - np.sqrt(seen)) * np.sum(~banned) / np.sum(banned)
    least = max(EXCESS * np.sqrt(expected + 1), others * f1 / 2)
    return bool(others - expected > least)


def _candidates(heights: np.ndarray) -> np.ndarray:
    """Positions of some heights: evenly many, and those before the widest gaps."""
    evenly = np.linspace(0, len(heights) - 1, CUTS).astype(int)
    widest = np.argsort(np.diff(heights), kind='stable')[:CUTS]
    return np.unique(np.concatenate([evenly, widest]))


def _best_height(
    values: np.ndarray, nothing: float, chosen: np.ndarray, heights: np.ndarray
) -> float:
    """Height to cut at.

    Heights around the best are as good within ``FLAT``: it is chance which of them is
    the best, so it is the middle of these. But if the heights above the best that are
    as good within ``NEARLY``, and better than to merge nothing, hold a clear gap, wider
    than the one below it and than half their range, it is the middle of that gap.

    Args:
        values (np.ndarray): ``[K]`` value of some cuts.
        nothing (float): That of merging nothing.
        chosen (np.ndarray): ``[K]`` positions of these cuts, rising.
        heights (np.ndarray): Heights of all merges, falling, no two equal.

    Returns:
        float: The height.
    """
    best = int(np.argmax(values))
    below = np.append(heights[1:], heights[-1])
    begin, _ = about_as_good(values, best, max(values[best] - NEARLY, nothing))
    first, top = chosen[begin], chosen[best]
    gap = clear_gap(-heights[first : top + 1])
    widths = heights - below
    least = max(widths[top], (heights[first] - heights[top]) / 2)
    if gap is not None and widths[first + gap] > least:
        first = last = first + gap
    else:
        begin, end = about_as_good(values, best, max(values[best] - FLAT, nothing))
        first, last = chosen[begin], chosen[end - 1]
    return float(heights[first] + below[last]) / 2


def _cut(merges: np.ndarray, count: int) -> np.ndarray:
    graph = csr_matrix(
        (np.ones(len(merges), bool), (merges[:, 0], merges[:, 1])), shape=(count, count)
    )
    return connected_components(graph, directed=False)[1]


def _value(
    cluster: np.ndarray,
    pairs: np.ndarray,
    score: np.ndarray,
    same: np.ndarray,
    images: np.ndarray,
    separation: float,
) -> float:
    """Expected F1, and the mean silhouette ``separation`` times."""
    images = images.astype(np.float64)
    weight = images[pairs[:, 0]] * images[pairs[:, 1]]
    within = (images * (images - 1) / 2).sum()
    joined = cluster[pairs[:, 0]] == cluster[pairs[:, 1]]
    hits = within + (weight * same)[joined].sum()
    both = 2 * within + weight[joined].sum() + (weight * same).sum()
    value = 2 * hits / both if both else 1.0
    if separation:
        value += separation * silhouette(cluster, pairs, score)
    return value
