"""Time and memory of the centroid loss beside the matrix products it needs.

On a CPU: forward and backward of the streamed softmax loss against the two bare
matrix products (features x centroids, softmax x centroids) and against plain
PyTorch's cross-entropy, which makes the ``[B, C]`` logits. Paired: every round runs
all of them one after the other, and ratios are taken within a round. Then time at
growing sizes, and the memory update at two sizes. On a GPU: bfloat16 centroids at
growing sizes, ours with and without Triton beside peers and the limits that bandwidth
and matrix rate set, and the memory of a ViT-B beside ten million identities.

    OMP_NUM_THREADS=1 python benchmarks/scale/centroid_loss.py
    python benchmarks/scale/centroid_loss.py --parts gpu vit update --device cuda
    python benchmarks/scale/centroid_loss.py --parts gpu vit --batch 32 --dim 64 \\
        --sizes 2000 4000 --identities 1000 --rounds 2  # a rehearsal on a CPU
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import platform
import statistics
from functools import partial

import torch
import torch.nn.functional as F
from centroid_loss_gpu import report_gpu, report_vit
from centroid_work import Work, compare, make, plain, products, slope, streamed

from dynamix.models.memory import CentroidMemory

PARTS = ('cpu', 'growth', 'update', 'gpu', 'vit')
GROWTH = 5
GPU_SIZES = [434_000, 1_000_000, 10_000_000]


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


def report_cpu(
    batch: int, dim: int, count: int, rounds: int, chunks: list[int]
) -> None:
    data = make(batch, dim, count, 'cpu', torch.float32)
    work: Work = {
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


def report_growth(batch: int, dim: int, count: int, rounds: int) -> None:
    sizes = [count >> step for step in reversed(range(GROWTH))]
    features, centroids, target = make(batch, dim, count, 'cpu', torch.float32)
    work: Work = {}
    for size in sizes:
        data = (features, centroids[:size], target % size)
        work[f'products {size}'] = partial(products, *data[:2], 2048)
        work[f'streamed {size}'] = partial(streamed, *data)
    times = compare(work, rounds, 'cpu')
    print(f'\nGrowth, CPU, float32, B = {batch}, D = {dim}, {rounds} rounds\n')
    print('| C | two products, core seconds | **streamed**, core seconds |')
    print('| --- | --- | --- |')
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    found = {
        kind: [medians[f'{kind} {size}'] for size in sizes]
        for kind in ('products', 'streamed')
    }
    for row in zip(sizes, *found.values()):
        print('| {} | {:.3f} | {:.3f} |'.format(*row))
    slopes = [slope(sizes, seconds) for seconds in found.values()]
    print('| slope, log-log | {:.3f} | **{:.3f}** |'.format(*slopes))


def report_update(dim: int, sizes: list[int], device: str) -> None:
    print(f'\n| memory update on {device}, B = 256 | ms, median of 20 |\n| --- | --- |')
    embeddings = F.normalize(torch.randn(256, dim, device=device), dim=1)
    for size in sizes:
        memory = CentroidMemory(size, dim).to(device)
        labels = torch.randint(size, (256,), device=device)
        work = {'update': partial(memory.update, embeddings, labels)}
        spent = compare(work, 20, device)['update']
        print(f'| C = {size} | {statistics.median(spent) * 1000:.2f} |')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS[:3])
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--dim', type=int, default=768)
    parser.add_argument('--centroids', type=int, default=434_000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--chunks', type=int, nargs='+', default=[2048, 4096, 8192])
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--sizes', type=int, nargs='+', default=GPU_SIZES)
    parser.add_argument(
        '--triton-chunks', type=int, nargs='+', default=[16384, 32768, 131072]
    )
    parser.add_argument('--identities', type=int, default=10_000_000)
    parser.add_argument('--images', type=int, default=96)
    args = parser.parse_args()
    print(
        f'{platform.machine()}, {torch.get_num_threads()} threads, '
        f'torch {torch.__version__}'
    )
    shape = (args.batch, args.dim)
    if 'cpu' in args.parts:
        report_cpu(*shape, args.centroids, args.rounds, args.chunks)
    if 'growth' in args.parts:
        report_growth(*shape, args.centroids, args.rounds)
    if 'update' in args.parts:
        report_update(args.dim, [1000, max(args.sizes[0], 1001)], args.device)
    if 'gpu' in args.parts:
        report_gpu(*shape, args.rounds, args.sizes, args.triton_chunks, args.device)
    if 'vit' in args.parts:
        report_vit(args.identities, args.images, args.device)


if __name__ == '__main__':
    main()
