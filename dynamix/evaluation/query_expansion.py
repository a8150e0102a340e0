"""Query expansion by the nearest gallery images (AQE, alpha-QE), in blocks."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from dynamix.config_checks import check_range, check_whole

_BLOCK_ROWS = 256


def expand_queries(
    query: torch.Tensor, gallery: torch.Tensor, topk: int = 2, alpha: float = 3.0
) -> torch.Tensor:
    """Adds to each query the gallery images nearest to it, weighted by similarity.

    A gallery image weighs ``max(cosine, 0) ** alpha``, the query itself 1. With
    ``alpha=0`` all weigh the same: average query expansion (AQE, Chum et al., ICCV
    2007; Arandjelovic and Zisserman, CVPR 2012). Otherwise it is alpha-QE (Radenovic
    et al., TPAMI 2019).

    Labels take no part: as in a search, other people, junk, the query's own camera and
    even its own image may be among the nearest.

    Args:
        query (torch.Tensor): ``[Q, D]`` float32, of any length.
        gallery (torch.Tensor): ``[G, D]`` float32 on the same device.
        topk (int): Gallery images to add, at most ``G``. More of them than the gallery
            has of a person bring in others. Defaults to 2.
        alpha (float): At least 0. Defaults to 3.0.

    Returns:
        torch.Tensor: ``[Q, D]`` float32, unit length.
    """
    query, gallery = F.normalize(query), F.normalize(gallery)
    expanded = torch.empty_like(query)
    for start in range(0, len(query), _BLOCK_ROWS):
        block = query[start : start + _BLOCK_ROWS]
        cosine, nearest = (block @ gallery.T).topk(min(topk, len(gallery)))
        weight = cosine.clamp(min=0).pow(alpha)
        added = torch.bmm(weight[:, None], gallery[nearest])[:, 0]
        expanded[start : start + _BLOCK_ROWS] = block + added
    return F.normalize(expanded)


def check_expansion(topk: int = 2, alpha: float = 3.0) -> None:
    """Raises ValueError if an option of :func:`expand_queries` is wrong."""
    check_whole('query_expansion.topk', topk, 1)
    check_range('query_expansion.alpha', alpha, 0)
