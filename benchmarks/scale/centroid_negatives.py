"""What hard or sampled negatives change, beside the exact centroid softmax.

The memory is drawn: people share their look with their video and with a cluster of
people dressed alike, in a space of falling variances, so that each anchor has a few
hundred near negatives among many far ones. The batch has 16 people of 4 images and 24
videos of 2 tracklets of 4 images each. Gradients are those of unnormalised features of
unit length, so without the part along the feature.

    OMP_NUM_THREADS=1 python benchmarks/scale/centroid_negatives.py
    python benchmarks/scale/centroid_negatives.py --centroids 20000 --rounds 1
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.losses import CentroidLoss
from dynamix.models.memory import CentroidMemory, NegativeSample, sampled_rows

VIDEO_SIZE = 20
# Shares of the variance: video, cluster of similar people, person.
SHARES = (0.25, 0.35, 0.4)
TEMPERATURES = (0.5, 0.05)


def variances(dim: int) -> Tensor:
    return 1 / (torch.arange(dim) + 10.0)


def draw_memory(count: int, dim: int) -> CentroidMemory:
    """A memory of ``count`` people in videos of 20."""
    generator = torch.Generator().manual_seed(0)
    scale = variances(dim) ** 0.5

    def normal(rows: int) -> Tensor:
        return torch.randn(rows, dim, generator=generator) * scale

    alike = normal(max(count // 100, 1)) * SHARES[1] ** 0.5
    memory = CentroidMemory(count, dim)
    for start in range(0, count, 100 * VIDEO_SIZE):
        rows = memory.centroids[start : start + 100 * VIDEO_SIZE]
        cluster = torch.randint(len(alike), (len(rows),), generator=generator)
        video = normal(-(-len(rows) // VIDEO_SIZE)) * SHARES[0] ** 0.5
        video = video.repeat_interleave(VIDEO_SIZE, dim=0)[: len(rows)]
        person = normal(len(rows)) * SHARES[2] ** 0.5
        rows.copy_(F.normalize(video + alike[cluster] + person, dim=1))
    memory.initialized.fill_(True)
    return memory


def draw_batch(memory: CentroidMemory) -> tuple[Tensor, Tensor]:
    """``[256, D]`` features, on average of similarity 0.7 to their centroids."""
    generator = torch.Generator().manual_seed(1)
    count, dim = memory.centroids.shape
    single = torch.randperm(count, generator=generator)[:16]
    videos = torch.randperm(count // VIDEO_SIZE, generator=generator)[:24, None]
    pairs = torch.rand(24, VIDEO_SIZE, generator=generator).argsort(dim=1)[:, :2]
    people = torch.cat([single, (videos * VIDEO_SIZE + pairs).flatten()])
    labels = people.repeat_interleave(4)
    noise = torch.randn(len(labels), dim, generator=generator) * variances(dim) ** 0.5
    noise = F.normalize(noise, dim=1)
    return F.normalize(memory.centroids[labels] + noise, dim=1), labels


class PartialFC(CentroidLoss):
    """Sampled negatives as in Partial FC: drawn ones count once."""

    def forward(
        self, features: Tensor, labels: Tensor, memory: CentroidMemory
    ) -> tuple[Tensor, Tensor]:
        drawn = sampled_rows(
            len(memory), self.negative_fraction, self.sample_seed, self.num_draws
        )
        self.num_draws += 1
        sample = NegativeSample(labels, drawn)
        keep = torch.cat([sample.batch.unique(), sample.drawn]).unique()
        part = CentroidMemory(0, features.shape[1])
        part.centroids = memory.centroids[keep]
        part.initialized = memory.initialized[keep]
        place = torch.searchsorted(keep, labels)
        return part.softmax_loss(features, place, self.temperature)


def variants(temperature: float) -> dict[str, CentroidLoss]:
    found = {'exact': CentroidLoss(temperature)}
    for topk in (50, 1000):
        name = f'`num_hard_negatives={topk}`'
        found[name] = CentroidLoss(temperature, num_hard_negatives=topk)
    for fraction in (0.01, 0.1, 0.5, 1.0):
        name = f'`negative_fraction={fraction:g}`'
        found[name] = CentroidLoss(temperature, negative_fraction=fraction)
    for fraction in (0.01, 0.1):
        name = f'Partial FC, {fraction:.0%} (drawn ones count once)'
        found[name] = PartialFC(temperature, negative_fraction=fraction)
    return found


def gradient(
    loss: CentroidLoss, features: Tensor, labels: Tensor, memory: CentroidMemory
) -> tuple[Tensor, Tensor, float]:
    """Losses, their gradients across the sphere, and core seconds."""
    leaf = features.clone().requires_grad_()
    start = time.process_time()
    value, _ = loss(leaf, labels, memory)
    value.sum().backward()
    spent = time.process_time() - start
    slope = leaf.grad - (leaf.grad * features).sum(dim=1, keepdim=True) * features
    return value.detach(), slope, spent


def report(count: int, dim: int, rounds: int) -> None:
    memory = draw_memory(count, dim)
    features, labels = draw_batch(memory)
    similarity = features @ memory.centroids[:: max(count // 20_000, 1)].t()
    print(
        f'\nC = {count}, B = {len(labels)}, D = {dim}; similarity to the own centroid '
        f'{(features * memory.centroids[labels]).sum(dim=1).mean():.2f}, to others '
        f'{similarity.mean():.2f}, 99.9 % of them below {_quantile(similarity):.2f}'
    )
    for temperature in TEMPERATURES:
        print(
            f'\n| temperature {temperature:g} | loss | gradient: length | cosine, '
            'mean | cosine, worst 1 % | core seconds | ratio |'
        )
        print('| --- | --- | --- | --- | --- | --- | --- |')
        losses = variants(temperature)
        times: dict[str, list[float]] = {name: [] for name in losses}
        rows: dict[str, list[Tensor]] = {name: [] for name in losses}
        for _ in range(rounds):
            for name, loss in losses.items():
                value, slope, spent = gradient(loss, features, labels, memory)
                times[name].append(spent)
                if name == 'exact':
                    exact = slope
                length = slope.norm(dim=1) / exact.norm(dim=1)
                cosine = F.cosine_similarity(slope, exact, dim=1)
                rows[name].append(torch.stack([value, length, cosine]))
        for name, found in rows.items():
            value, length, cosine = torch.cat(found, dim=1)
            spent = statistics.median(times[name])
            ratio = statistics.median(
                a / b for a, b in zip(times[name], times['exact'])
            )
            print(
                f'| {name} | {value.mean():.3f} | {length.mean():.3f} | '
                f'{cosine.mean():.4f} | {cosine.quantile(0.01):.4f} | '
                f'{spent:.2f} | {ratio:.2f} |'
            )


def _quantile(values: Tensor) -> float:
    flat = values.flatten()
    return flat.kthvalue(int(0.999 * len(flat))).values.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--centroids', type=int, default=434_000)
    parser.add_argument('--dim', type=int, default=768)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    print(
        f'{platform.machine()}, {torch.get_num_threads()} threads, '
        f'torch {torch.__version__}'
    )
    report(args.centroids, args.dim, args.rounds)


if __name__ == '__main__':
    main()
