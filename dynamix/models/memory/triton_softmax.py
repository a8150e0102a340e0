"""The pass over the centroids with a Triton kernel. Import it only where Triton is."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

# Parts of a chunk, 32 MiB of them in half precision: enough to do for a GPU in the
# time it takes to start the next chunk.
_PARTS = 2**24
# exp of it, and sums of ten million of them, are finite in the type of the products.
LARGEST_LOGIT = {torch.float16: 10.0, torch.bfloat16: 60.0, torch.float32: 60.0}


@triton.jit(do_not_specialize=['batch', 'count', 'first', 'num_excluded'])
def _exp_logits(  # type: ignore[no-untyped-def]
    query,
    centroids,
    valid,
    excluded,
    parts,
    totals,
    batch,
    count,
    first,
    num_excluded,
    dim,
    stride,
    largest,
    HAS_VALID: tl.constexpr,
    WITH_PARTS: tl.constexpr,
    EVEN_DIM: tl.constexpr,
    BLOCK_B: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """``exp`` of a tile of logits, and its row sums, from one product."""
    # Programs that share centroids are neighbours, so that a cache serves them.
    blocks = tl.cdiv(batch, BLOCK_B)
    tile = tl.program_id(0) // blocks
    row = (tl.program_id(0) % blocks) * BLOCK_B + tl.arange(0, BLOCK_B)
    column = tile * BLOCK_C + tl.arange(0, BLOCK_C)
    inner = tl.arange(0, BLOCK_D)
    in_batch, in_chunk = row < batch, column < count
    query += row[:, None] * dim + inner[None, :]
    centroids += column[None, :] * dim + inner[:, None]
    logits = tl.zeros((BLOCK_B, BLOCK_C), dtype=tl.float32)
    for start in range(0, dim, BLOCK_D):
        left, right = in_batch[:, None], in_chunk[None, :]
        if not EVEN_DIM:
            left = left & (inner[None, :] < dim - start)
            right = right & (inner[:, None] < dim - start)
        anchors = tl.load(query, mask=left, other=0.0)
        others = tl.load(centroids, mask=right, other=0.0).to(anchors.dtype)
        logits = tl.dot(anchors, others, logits, input_precision='ieee')
        query += BLOCK_D
        centroids += BLOCK_D
    # Too long vectors must not give a wrong number: they give none.
    part = tl.where(tl.abs(logits) <= largest, tl.exp(logits), float('nan'))
    on = in_chunk
    if HAS_VALID:
        on = on & (tl.load(valid + column, mask=in_chunk, other=0) != 0)
    part = tl.where(on[None, :], part, 0.0)
    for number in range(num_excluded):
        place = tl.load(excluded + row * num_excluded + number, mask=in_batch, other=-1)
        place = place - first
        here = (place >= 0) & (place < count)
        place = tl.where(here, place, -1).to(tl.int32)
        part = tl.where(place[:, None] == column[None, :], 0.0, part)
    tl.store(totals + tile * batch + row, tl.sum(part, axis=1), mask=in_batch)
    if WITH_PARTS:
        tl.store(
            parts + row[:, None] * stride + column[None, :],
            part.to(parts.dtype.element_ty),
            mask=in_batch[:, None] & in_chunk[None, :],
        )


def block_sizes(batch: int, dim: int, query: int, centroids: int) -> dict[str, int]:
    """Tile of a program; few different ones, so that few are ever compiled.

    Of what a program holds, as compiled for an H100, next to nothing spills from its
    registers.

    Args:
        batch (int): Number of anchors.
        dim (int): Length of a vector.
        query (int): Bytes of an element of the anchors, in whose type products are.
        centroids (int): Bytes of an element of the centroids.

    Returns:
        dict[str, int]: Keyword arguments of the kernel.
    """
    most = 128
    if query > 2 >= centroids:
        most, columns, inner = 64, 64, 32
    elif max(query, centroids) > 2:
        columns, inner = 128, 32
    else:
        inner = 64
        columns = 128 if dim % inner else 256
    return dict(
        BLOCK_B=64 if batch <= 64 else most,
        BLOCK_C=columns,
        BLOCK_D=inner,
        num_warps=8,
        num_stages=3,
    )


def chunk_rows(batch: int, dim: int, chunk_size: int | None) -> int:
    """Centroids at a time, so that places in a chunk have 32 bits.

    Args:
        batch (int): Number of anchors.
        dim (int): Length of a vector.
        chunk_size (int | None): What is wished for; None for what suits a GPU.

    Returns:
        int: At least 1.
    """
    wished = chunk_size or max(2**13, min(_PARTS // max(batch, 1), 2**18) // 256 * 256)
    return max(min(wished, (2**31 - 1) // max(batch, dim, 1)), 1)


def exp_sums(
    query: Tensor,
    centroids: Tensor,
    *,
    valid: Tensor | None,
    excluded: Tensor | None,
    with_weighted: bool,
    chunk_size: int | None,
) -> tuple[Tensor, Tensor | None]:
    """Sum, and weighted sum of the centroids, of ``exp(logit)``.

    The kernel writes ``exp(logit)`` of all anchors and one chunk of centroids in the
    type of the products, a second product sums the centroids of the chunk. Logits are
    not shifted by their maximum, as those of unit vectors are bounded.

    Args:
        query (Tensor): ``[B, D]`` features over temperature, in the type of the
            products.
        centroids (Tensor): ``[C, D]`` of any floating-point type.
        valid (Tensor | None): ``[C]`` bool.
        excluded (Tensor | None): ``[B, M]`` int64 centroids that do not count for an
            anchor; numbers outside ``0..C-1`` fill up.
        with_weighted (bool): Also sum the centroids.
        chunk_size (int | None): Centroids at a time, as of :func:`chunk_rows`.

    Returns:
        tuple[Tensor, Tensor | None]: ``[B]`` and ``[B, D]`` float32. NaN for an anchor
        with a logit outside of +-60 (float16: +-10).
    """
    (batch, dim), num = query.shape, len(centroids)
    query, centroids = query.contiguous(), centroids.contiguous()
    width = max(min(chunk_rows(batch, dim, chunk_size), num), 1)
    blocks = block_sizes(batch, dim, query.itemsize, centroids.itemsize)
    total = query.new_zeros(batch, dtype=torch.float32)
    weighted = query.new_zeros(batch, dim, dtype=torch.float32)
    # Rows begin where vector loads may.
    parts = query.new_empty(batch if with_weighted else 0, -(-width // 16) * 16)
    if excluded is None:
        excluded = query.new_zeros(batch, 0, dtype=torch.int64)
    excluded = excluded.contiguous()
    flags = torch.empty(0) if valid is None else valid.view(torch.uint8)
    for start in range(0, num if batch else 0, width):
        rows = centroids[start : start + width]
        tiles = triton.cdiv(len(rows), blocks['BLOCK_C'])
        totals = total.new_empty(tiles, batch)
        _exp_logits[(tiles * triton.cdiv(batch, blocks['BLOCK_B']),)](
            query,
            rows,
            None if valid is None else flags[start : start + width],
            excluded,
            parts,
            totals,
            batch,
            len(rows),
            start,
            excluded.shape[1],
            dim,
            parts.stride(0),
            LARGEST_LOGIT[query.dtype],
            HAS_VALID=valid is not None,
            WITH_PARTS=with_weighted,
            EVEN_DIM=dim % blocks['BLOCK_D'] == 0,
            **blocks,
        )
        total += totals.sum(dim=0)
        if with_weighted:
            add_product(weighted, parts[:, : len(rows)], rows.to(query.dtype))
    return total, weighted if with_weighted else None


def add_product(total: Tensor, parts: Tensor, rows: Tensor) -> None:
    """Adds ``parts @ rows`` to ``total`` in place, summed in float32."""
    if parts.dtype == total.dtype:
        total.addmm_(parts, rows)
    elif parts.is_cuda:
        total += torch.mm(parts, rows, out_dtype=total.dtype)
    else:
        total += torch.mm(parts, rows)
