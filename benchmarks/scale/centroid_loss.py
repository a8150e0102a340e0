"""Time and memory of the centroid loss beside the matrix products it needs.

On a CPU: forward and backward of the streamed softmax loss against the two bare
matrix products (features x centroids, softmax x centroids) and against plain
PyTorch's cross-entropy, which makes the ``[B, C]`` logits. Paired: every round runs
all of them one after the other, and ratios are taken within a round. On a GPU, if
there is one, the same with bfloat16 centroids at growing sizes, beside the bounds
that bandwidth and matrix rate set. Also: the memory update at two sizes.

    OMP_NUM_THREADS=1 python benchmarks/scale/centroid_loss.py
    python benchmarks/scale/centroid_loss.py --centroids 20000 --rounds 2
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.memory import CentroidMemory, streamed_softmax_loss

TEMPERATURE = 0.5
GPU_SIZES = (434_000, 1_000_000, 10_000_000)


def make(
    batch: int, dim: int, count: int, device: str, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Features, centroids and targets; no more memory than they take."""
    generator = torch.Generator(device).manual_seed(0)
    centroids = torch.empty(count, dim, dtype=dtype, device=device)
    for rows in centroids.split(4096):
        drawn = torch.randn(rows.shape, generator=generator, device=device)
        rows.copy_(F.normalize(drawn, dim=1))
    features = torch.randn(batch, dim, generator=generator, device=device)
    target = torch.randint(count, (batch,), generator=generator, device=device)
    return F.normalize(features, dim=1).requires_grad_(), centroids, target


def products(features: Tensor, centroids: Tensor, chunk_size: int) -> Tensor:
    """The two products alone, with a tile that is used again and again."""
    query = features.detach().to(centroids.dtype)
    total = torch.zeros_like(query)
    tile = query.new_empty(len(query), min(chunk_size, len(centroids)))
    for rows in centroids.split(chunk_size):
        logits = tile[:, : len(rows)]
        torch.mm(query, rows.t(), out=logits)
        total.addmm_(logits, rows)
    return total


def streamed(
    features: Tensor, centroids: Tensor, target: Tensor, chunk_size: int | None
) -> None:
    features.grad = None
    half = centroids.dtype != torch.float32
    valid = torch.ones(len(centroids), dtype=torch.bool, device=centroids.device)
    with torch.autocast(features.device.type, centroids.dtype, enabled=half):
        loss = streamed_softmax_loss(
            features,
            centroids,
            target,
            TEMPERATURE,
            valid=valid,
            chunk_size=chunk_size,
        )
    loss.mean().backward()


def plain(features: Tensor, centroids: Tensor, target: Tensor) -> None:
    features.grad = None
    logits = features.to(centroids.dtype) @ centroids.t() / TEMPERATURE
    F.cross_entropy(logits, target).backward()


def timed(function: Callable[[], object], device: str) -> float:
    """Seconds; on a CPU those of its cores, which other programs disturb less."""
    if device == 'cpu':
        start = time.process_time()
        function()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _status(field: str) -> float:
    with open('/proc/self/status') as file:
        line = next(line for line in file if line.startswith(field))
    return int(line.split()[1]) / 1024


def _peak_on_cpu(name: str, batch: int, dim: int, count: int, chunk: int) -> float:
    features, centroids, target = make(batch, dim, count, 'cpu', torch.float32)
    work = {
        'streamed': lambda: streamed(features, centroids, target, chunk),
        'products': lambda: products(features, centroids, chunk),
        'plain': lambda: plain(features, centroids, target),
    }
    # Memory that making the inputs left behind must not serve the work unseen.
    ctypes.CDLL('libc.so.6').malloc_trim(0)
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    before = _status('VmRSS')
    work[name]()
    return _status('VmHWM') - before


def peak_on_cpu(name: str, batch: int, dim: int, count: int, chunk: int) -> float:
    """Most MiB beyond the inputs, in a fresh process: library buffers included."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(_peak_on_cpu, (name, batch, dim, count, chunk))


def compare(
    work: dict[str, Callable[[], object]], rounds: int, device: str
) -> dict[str, list[float]]:
    for function in work.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, function in work.items():
            times[name].append(timed(function, device))
    return times


def report_cpu(
    batch: int, dim: int, count: int, rounds: int, chunks: list[int]
) -> None:
    data = make(batch, dim, count, 'cpu', torch.float32)
    work: dict[str, Callable[[], object]] = {
        'two products, whole': partial(products, *data[:2], count),
        'plain PyTorch cross-entropy': partial(plain, *data),
    }
    for chunk in chunks:
        work[f'two products, chunks of {chunk}'] = partial(products, *data[:2], chunk)
        work[f'**streamed**, chunks of {chunk}'] = partial(streamed, *data, chunk)
    times = compare(work, rounds, 'cpu')
    bare = [n for n in times if n.startswith('two')]
    best = [min(times[n][r] for n in bare) for r in range(rounds)]
    peaks = {}
    for name in times:
        kind = 'products' if name in bare else 'plain'
        kind = 'streamed' if 'streamed' in name else kind
        chunk = int(name.split()[-1]) if 'chunks' in name else count
        peaks[name] = peak_on_cpu(kind, batch, dim, count, chunk)
    print(f'\nCPU, float32, B = {batch}, D = {dim}, C = {count}, {rounds} rounds\n')
    print(
        '| what | core seconds, median | against the faster bare products | extra MiB |'
    )
    print('| --- | --- | --- | --- |')
    for name, spent in times.items():
        ratios = [a / b for a, b in zip(spent, best)]
        print(
            f'| {name} | {statistics.median(spent):.2f} | '
            f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})'
            f' | {peaks[name]:.0f} |'
        )


def report_update(dim: int, sizes: list[int], device: str) -> None:
    print(f'\n| memory update on {device}, B = 256 | ms, median of 20 |\n| --- | --- |')
    embeddings = F.normalize(torch.randn(256, dim, device=device), dim=1)
    for size in sizes:
        memory = CentroidMemory(size, dim).to(device)
        labels = torch.randint(size, (256,), device=device)
        work = {'update': partial(memory.update, embeddings, labels)}
        spent = compare(work, 20, device)['update']
        print(f'| C = {size} | {statistics.median(spent) * 1000:.2f} |')


def report_gpu(batch: int, dim: int, rounds: int, chunks: list[int | None]) -> None:
    big = torch.empty(1 << 30, dtype=torch.uint8, device='cuda')
    other = torch.empty_like(big)
    copied = min(compare({'copy': partial(other.copy_, big)}, 10, 'cuda')['copy'])
    bandwidth = 2 * big.numel() / copied
    del big, other
    square = torch.randn(8192, 8192, device='cuda', dtype=torch.bfloat16)
    multiplied = min(compare({'mm': lambda: square @ square}, 10, 'cuda')['mm'])
    rate = 2 * 8192**3 / multiplied
    print(
        f'\n{torch.cuda.get_device_name()}, bfloat16, B = {batch}, D = {dim}; copy '
        f'{bandwidth / 1e12:.2f} TB/s, products {rate / 1e12:.0f} TFLOP/s\n'
    )
    print('| C | what | ms, median | against the bound | extra MiB |')
    print('| --- | --- | --- | --- | --- |')
    for count in GPU_SIZES:
        features, centroids, target = make(batch, dim, count, 'cuda', torch.bfloat16)
        bound = max(2 * centroids.nbytes / bandwidth, 4 * batch * dim * count / rate)
        data = (features, centroids, target)
        work: dict[str, Callable[[], object]] = {
            f'**streamed**, chunks of {chunk or "default size"}': partial(
                streamed, *data, chunk
            )
            for chunk in chunks
        }
        work['plain PyTorch cross-entropy'] = partial(plain, *data)
        for name, function in work.items():
            held = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            try:
                spent = statistics.median(compare({'x': function}, rounds, 'cuda')['x'])
            except torch.OutOfMemoryError:
                print(f'| {count} | {name} | out of memory | | |')
                continue
            extra = (torch.cuda.max_memory_allocated() - held) / 2**20
            print(
                f'| {count} | {name} | {spent * 1000:.2f} | {spent / bound:.2f} | '
                f'{extra:.0f} |'
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--dim', type=int, default=768)
    parser.add_argument('--centroids', type=int, default=434_000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--chunks', type=int, nargs='+', default=[2048, 4096, 8192])
    args = parser.parse_args()
    print(
        f'{platform.machine()}, {torch.get_num_threads()} threads, '
        f'torch {torch.__version__}'
    )
    report_cpu(args.batch, args.dim, args.centroids, args.rounds, args.chunks)
    report_update(args.dim, [1000, args.centroids], 'cpu')
    if torch.cuda.is_available():
        report_gpu(args.batch, args.dim, args.rounds, [None, 16384, 65536])
        report_update(args.dim, [1000, 1_000_000], 'cuda')
    else:
        print(f'\nNo GPU here: nothing was run at C = {GPU_SIZES} in bfloat16.')


if __name__ == '__main__':
    main()
