"""Our losses beside a known baseline, on labelled data alone.

Two ways to train the same network in the same loop, with the same crops, sampler,
augmentation, schedule and seeds:

* ours: instance, augmentation and centroid loss; no single-camera data, no relabeling,
  no camera centroids;
* the "strong baseline" of person re-identification (Luo et al., 2019): batch-hard
  triplet loss (pytorch-metric-learning's) on the features before batch normalisation
  and cross-entropy with label smoothing on those behind it.

Both keep a momentum encoder, and each is judged by both encoders. Needs
`pip install pytorch-metric-learning`, which nothing else in the project does. What is
done is kept in OUT and not run again.

    OMP_NUM_THREADS=1 python benchmarks/quality/baseline.py --seeds 5
    export DYNAMIX_DATA=FOLDER DYNAMIX_PRETRAINED=FILE  # see benchmarks/ablation/run.py
    python benchmarks/quality/baseline.py --bed real-crops-pretrained --seeds 5
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.runner import Runner
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from scipy import stats
from torch import Tensor, nn

from dynamix.engine.command_line import add_config_options, merge_options
from dynamix.engine.launch import set_loader_defaults, share_out_batch
from dynamix.models.reid import DynaMix
from dynamix.registry import DATASETS, MODELS
from dynamix.structures import IdentityTable, ReIDDataSample

CONFIG = Path(__file__).parents[1] / 'ablation/configs/multi-camera-only.py'
METHODS = ('ours', 'baseline')
ENCODERS = ('momentum_encoder', 'encoder')
SCORES = ('average/mAP', 'average/Rank-1')


@MODELS.register_module()
class TripletIdentityHead(nn.Module):
    """Batch-hard triplet loss and smoothed cross-entropy over the identities.

    Args:
        in_channels (int): Length of an embedding.
        num_identities (int): Of the labelled data.
        margin (float): Of the triplet loss. Defaults to 0.3.
        label_smoothing (float): Of the cross-entropy. Defaults to 0.1.
    """

    def __init__(
        self,
        in_channels: int,
        num_identities: int,
        margin: float = 0.3,
        label_smoothing: float = 0.1,
    ) -> None:
        super().__init__()
        self.classifier = nn.Linear(in_channels, num_identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)
        self.miner = BatchHardMiner()
        self.triplet = TripletMarginLoss(margin=margin)
        # The baseline compares features of any length; the library's default is unit.
        for distance in (self.miner.distance, self.triplet.distance):
            distance.normalize_embeddings = False
        self.label_smoothing = label_smoothing
        self.last_batch: tuple[Tensor, Tensor] | None = None

    def bind(
        self,
        identity_table: IdentityTable,
        camera: np.ndarray,
        scene: np.ndarray | None = None,
    ) -> None:
        """Takes the labels of the training data."""
        self.table = identity_table
        found = identity_table.num_multi_camera_identities
        if found != self.classifier.out_features:
            raise ValueError(f'there are {found} identities, not {self.classifier}.')

    def gather(self) -> None:
        """Has no memory to gather."""

    def losses(
        self, before: Tensor, behind: Tensor, samples: list[ReIDDataSample]
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            before (Tensor): ``[B, D]`` features before batch normalisation.
            behind (Tensor): ``[B, D]`` features behind it.
            samples (list[ReIDDataSample]): One an image.
        """
        index = np.array([sample.image_index for sample in samples], dtype=np.int64)
        labels = torch.from_numpy(self.table.lookup(index)).to(behind.device)
        self.last_batch = torch.from_numpy(index), behind.detach()
        logits = self.classifier(behind)
        hardest = self.miner(before, labels)
        return dict(
            loss_triplet=self.triplet(before, labels, hardest),
            loss_identity=F.cross_entropy(
                logits, labels, label_smoothing=self.label_smoothing
            ),
        )


@MODELS.register_module()
class StrongBaseline(DynaMix):
    """The encoders of DynaMix under the losses of the strong baseline."""

    def loss(
        self, inputs: list[Tensor], data_samples: list[ReIDDataSample]
    ) -> dict[str, Tensor]:
        """As of :class:`DynaMix`."""
        augmented, plain = (
            view.contiguous(memory_format=self._memory_format) for view in inputs
        )
        seen: list[Tensor] = []
        handle = self.encoder.neck.norm.register_forward_pre_hook(
            lambda module, given: seen.append(given[0])
        )
        behind = self.encoder(augmented)
        handle.remove()
        with torch.no_grad():
            self.momentum_encoder.update_parameters(self.encoder)
            # For the statistics of its batch normalisation.
            self.momentum_encoder(plain)
        return self.head.losses(seen[0], behind, data_samples)


def make_cfg(args: argparse.Namespace, method: str, seed: int) -> Config:
    """The row "multi-camera data alone" with the losses of a method."""
    os.environ['DYNAMIX_BED'] = args.bed
    cfg = Config.fromfile(CONFIG)
    if method == 'ours':
        cfg.model.head.losses.camera_centroid = None
    else:
        cfg.model.type = 'StrongBaseline'
        cfg.model.head = dict(
            type='TripletIdentityHead',
            in_channels=cfg.model.head.in_channels,
            num_identities=args.identities,
        )
    cfg.default_hooks.checkpoint = None
    cfg.work_dir = str(args.out.parent / f'{args.bed}-{method}-{seed}')
    cfg.experiment_name = f'{args.bed}-{method}-{seed}'
    cfg.launcher = 'none'
    cfg.randomness = dict(seed=seed)
    merge_options(cfg, args.cfg_options)
    # Both encoders are evaluated at the end, here and not by the loop.
    cfg.train_cfg.val_begin = cfg.train_cfg.max_epochs + 1
    set_loader_defaults(cfg)
    share_out_batch(cfg, 1)
    return cfg


def count_identities(args: argparse.Namespace) -> int:
    """How many people the labelled data of the bed show."""
    cfg = make_cfg(args, 'ours', 0)
    dataset = DATASETS.build(dict(cfg.train_dataloader.dataset, pipeline=[]))
    dataset.full_init()
    return dataset.identity_table.num_multi_camera_identities


def train(args: argparse.Namespace, method: str, seed: int) -> dict[str, Any]:
    """One run; scores in percent, by encoder."""
    begin = time.monotonic()
    runner = Runner.from_cfg(make_cfg(args, method, seed))
    runner.train()
    seconds = time.monotonic() - begin
    found: dict[str, Any] = dict(seconds=round(seconds, 1))
    for encoder in ENCODERS:
        runner.model.inference = encoder
        scores = runner.val_loop.run()
        found[encoder] = {key: scores[key] for key in SCORES}
    return found


def table(results: dict[str, Any], args: argparse.Namespace) -> str:
    """Markdown; mean and standard deviation over seeds, and the paired tests."""
    lines = [
        f'| {args.bed} | mAP | Rank-1 | s | seeds |',
        '|---|---|---|---|---|',
    ]
    runs = {
        method: {
            seed: results[key]
            for seed in range(args.seeds)
            if (key := f'{args.bed}/{method}/{seed}') in results
        }
        for method in METHODS
    }
    for method, found in runs.items():
        for encoder in ENCODERS:
            cells = []
            for score in SCORES:
                values = [run[encoder][score] for run in found.values()]
                spread = f' ± {np.std(values, ddof=1):.1f}' if len(values) > 1 else ''
                cells.append(f'{np.mean(values):.1f}{spread}' if values else 'not run')
            seconds = [run['seconds'] for run in found.values()]
            cells.append(f'{np.mean(seconds):.0f}' if seconds else '')
            name = f'{method}, {encoder.replace("_", " ")}'
            lines.append(f'| {name} | {" | ".join(cells)} | {len(found)} |')
    for encoder in ENCODERS:
        ours, theirs = (
            {seed: run[encoder]['average/mAP'] for seed, run in runs[method].items()}
            for method in METHODS
        )
        seeds = sorted(ours.keys() & theirs.keys())
        pair = [[scores[seed] for seed in seeds] for scores in (ours, theirs)]
        lines.append(
            f'\nours - baseline, {encoder.replace("_", " ")}: '
            f'{np.mean(pair[0]) - np.mean(pair[1]):+.2f} mAP over {len(seeds)} seeds; '
            f'two-sided p of the paired t-test {stats.ttest_rel(*pair).pvalue:.3f}.'
        )
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--bed', default='demo36', help='or real-crops-pretrained')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/quality_baseline/results.json')
    )
    add_config_options(parser)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.identities = None
    args.identities = count_identities(args)
    settings = dict(options=args.cfg_options or None)
    kept = json.loads(args.out.read_text()) if args.out.exists() else {}
    if kept and kept['settings'] != json.loads(json.dumps(settings)):
        raise SystemExit(f'{args.out} was made with {kept["settings"]}: choose --out')
    results = kept.get('runs', {})
    for seed in range(args.seeds):
        for method in METHODS:
            key = f'{args.bed}/{method}/{seed}'
            if key not in results:
                results[key] = train(args, method, seed)
                text = json.dumps(dict(settings=settings, runs=results), indent=1)
                args.out.write_text(text + '\n')
    print(table(results, args))


if __name__ == '__main__':
    main()
