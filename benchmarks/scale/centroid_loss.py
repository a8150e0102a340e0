"""Time and memory of the centroid loss beside plain cross-entropy and the limit.

Forward and backward of the streamed softmax, with all centroids and with drawn ones,
against PyTorch's cross-entropy of the whole ``[B, C]`` logits. The limit is the two
bare matrix products (features x centroids, softmax x centroids) in chunks. Paired: a
round runs all of them one after the other, and ratios are taken within a round.

    OMP_NUM_THREADS=1 python benchmarks/scale/centroid_loss.py
    python benchmarks/scale/centroid_loss.py --device cuda --dtype bfloat16 \\
        --sizes 434000 1000000 10000000 --rounds 10

Another script gets the rows of one size from :func:`measure`.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.losses import CentroidLoss
from dynamix.models.memory import CentroidMemory

TEMPERATURE = 0.5
CHUNK = dict(cpu=2048, cuda=32768)


class Row(NamedTuple):
    """Times of each round, their ratio to the limit, and memory beyond the inputs."""

    name: str
    seconds: list[float]
    ratio: list[float]
    extra_mib: float


class Inputs:
    """Drawn features, labels and a full memory of centroids."""

    def __init__(
        self, batch: int, dim: int, count: int, device: str, dtype: str
    ) -> None:
        generator = torch.Generator(device).manual_seed(0)
        draw = partial(torch.randn, generator=generator, device=device)
        self.memory = CentroidMemory(count, dim, dtype=dtype).to(device)
        for rows in self.memory.centroids.split(4096):
            rows.copy_(F.normalize(draw(rows.shape), dim=1))
        self.memory.valid.fill_(True)
        self.features = F.normalize(draw(batch, dim), dim=1).requires_grad_()
        self.labels = torch.randint(count, (batch,), generator=generator, device=device)
        self.chunk = CHUNK[device]

    def products(self) -> None:
        """The two products, with a tile that is used again and again."""
        query = self.features.detach()
        total = torch.zeros_like(query)
        tile = query.new_empty(len(query), min(self.chunk, len(self.memory)))
        for rows in self.memory.centroids.split(self.chunk):
            rows = rows.to(query.dtype)
            logits = tile[:, : len(rows)]
            torch.mm(query, rows.t(), out=logits)
            total.addmm_(logits, rows)

    def ours(self, fraction: float) -> None:
        loss, _ = CentroidLoss(TEMPERATURE, negative_fraction=fraction)(
            self.features, self.labels, self.memory
        )
        self.backward(loss.mean())

    def plain(self) -> None:
        centroids = self.memory.centroids.to(self.features.dtype)
        logits = self.features @ centroids.t() / TEMPERATURE
        self.backward(F.cross_entropy(logits, self.labels))

    def backward(self, loss: Tensor) -> None:
        self.features.grad = None
        loss.backward()

    def update(self) -> None:
        self.memory.update(self.features.detach(), self.labels)

    def work(self) -> dict[str, Callable[[], None]]:
        return {
            'limit: two products': self.products,
            'streamed, all centroids': partial(self.ours, 1.0),
            'streamed, 10 % drawn': partial(self.ours, 0.1),
            'streamed, 1 % drawn': partial(self.ours, 0.01),
            'plain PyTorch cross-entropy': self.plain,
            'update of the memory': self.update,
        }


def _seconds(function: Callable[[], None], device: str) -> float:
    if device == 'cpu':
        start = time.process_time()
        function()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _resident(field: str) -> float:
    with open('/proc/self/status') as file:
        line = next(line for line in file if line.startswith(field))
    return int(line.split()[1]) / 1024


def _extra_mib(function: Callable[[], None], device: str) -> float:
    """Most MiB beyond what is held already, libraries' buffers among that."""
    if device == 'cuda':
        torch.cuda.empty_cache()
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        function()
        return (torch.cuda.max_memory_allocated() - held) / 2**20
    # Free memory that the process keeps must not serve the work.
    ctypes.CDLL('libc.so.6').malloc_trim(0)
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    before = _resident('VmRSS')
    function()
    return _resident('VmHWM') - before


def measure(
    shape: tuple[int, int, int], device: str, dtype: str, rounds: int
) -> list[Row]:
    """Time and memory of all ways at one size.

    Args:
        shape (tuple[int, int, int]): Batch, length of an embedding, centroids.
        device (str): ``'cpu'`` or ``'cuda'``.
        dtype (str): Storage of the centroids; products are float32.
        rounds (int): How often each is timed, after one run that is not.

    Returns:
        list[Row]: The limit first. One that runs out of GPU memory is left out.
    """
    inputs = Inputs(*shape, device, dtype)
    work = inputs.work()
    for name, function in list(work.items()):
        try:
            function()
        except torch.OutOfMemoryError:
            del work[name]
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, function in work.items():
            spent[name].append(_seconds(function, device))
    limit = next(iter(spent.values()))
    return [
        Row(
            name,
            seconds,
            [a / b for a, b in zip(seconds, limit)],
            _extra_mib(work[name], device),
        )
        for name, seconds in spent.items()
    ]


def table(rows: list[Row]) -> str:
    """A Markdown table of what :func:`measure` returns."""
    lines = [
        '| what | ms, median | over the limit (range) | extra MiB |',
        '| --- | --- | --- | --- |',
    ]
    lines += [
        f'| {row.name} | {statistics.median(row.seconds) * 1000:.1f} | '
        f'{statistics.median(row.ratio):.2f} ({min(row.ratio):.2f} to '
        f'{max(row.ratio):.2f}) | {row.extra_mib:.0f} |'
        for row in rows
    ]
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--dim', type=int, default=768)
    parser.add_argument('--sizes', type=int, nargs='+', default=[434_000])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--dtype', default='float32')
    args = parser.parse_args()
    print(f'{torch.get_num_threads()} threads, torch {torch.__version__}')
    for count in args.sizes:
        shape = (args.batch, args.dim, count)
        print(f'\n{args.device}, {args.dtype}, B, D, C = {shape}\n', flush=True)
        print(table(measure(shape, args.device, args.dtype, args.rounds)), flush=True)


if __name__ == '__main__':
    main()
