"""Evaluates several checkpoints on several targets: one table.

    python tools/analysis_tools/cross_evaluate.py \\
        --model configs/a.py a/epoch_100.pth --model configs/b.py b/epoch_100.pth \\
        --targets configs/a.py --out tables/transfer

Writes `transfer.md`, `transfer.csv` and `transfer.json`. Targets and metric are those
of the test data and `test_evaluator` of one config; each model prepares images as its
own config says. A cell that `transfer.json` has is not computed again, unless model,
checkpoint, the target's names or labels, or the metric changed (images that changed
under the same names are not noticed). A cell that fails is named, the others go on, and
the status is 1 in the end.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.utils import track_iter_progress
from torch.utils.data import DataLoader

from dynamix.apis import ReIDInferencer
from dynamix.datasets import TargetDataset
from dynamix.engine.command_line import add_config_options, config_errors, read_config
from dynamix.output_file import written_whole


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--model',
        nargs=2,
        action='append',
        required=True,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='give it once for each model',
    )
    parser.add_argument(
        '--targets', help='config of targets and metric; by default the first model'
    )
    parser.add_argument(
        '--out', type=Path, required=True, help='files to write, without suffix'
    )
    parser.add_argument('--device', help='by default a GPU if there is one')
    add_config_options(parser)
    return parser.parse_args()


def sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


class Model:
    """A config with its checkpoint, which is loaded when a cell needs it."""

    def __init__(self, cfg: Config, checkpoint: str, device: str | None) -> None:
        self.cfg, self.checkpoint, self.device = cfg, checkpoint, device
        self.digest = sha256(checkpoint)
        self.inferencer: ReIDInferencer | None = None

    def dataset(self, target: dict) -> TargetDataset:
        """A target, prepared as this model is used to."""
        dataset = TargetDataset([target], self.cfg.test_dataloader.dataset.pipeline)
        dataset.full_init()
        return dataset

    def key(self, target: dict, token: str, metric: Any) -> str:
        """Digest of all that decides a cell."""
        pipeline = self.cfg.test_dataloader.dataset.pipeline
        parts = [self.cfg.model, pipeline, self.digest, target, token, metric]
        text = json.dumps(parts, sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()

    @torch.no_grad()
    def scores(self, dataset: TargetDataset, metric: Any) -> dict[str, float]:
        """Scores of the only target of a data set."""
        evaluator = Evaluator(metric)
        evaluator.dataset_meta = dataset.metainfo
        if self.inferencer is None:
            self.inferencer = ReIDInferencer(self.cfg, self.checkpoint, self.device)
        given = self.cfg.test_dataloader
        loader = DataLoader(
            dataset,
            given.get('batch_size', 64),
            num_workers=given.get('num_workers', 0),
            collate_fn=default_collate,
        )
        for batch in track_iter_progress((loader, len(loader))):
            evaluator.process(self.inferencer.model.test_step(batch), batch)
        # a metric may stand before the target by its `prefix`
        place = f'/{dataset.datasets[0].name}/'
        scores = {
            f'/{key}'.replace(place, '/', 1)[1:]: value
            for key, value in evaluator.evaluate(len(dataset)).items()
            if place in f'/{key}'
        }
        if not scores:
            raise ValueError(f'test_evaluator gives no score of {place[1:-1]}')
        return scores


def finished_cells(path: Path) -> dict[str, dict]:
    """Cells by key, of an earlier run."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        cells = found['cells'] + found['earlier']
        return {cell['key']: cell for cell in cells if 'scores' in cell}
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f'{path} is no table of this tool: choose another --out.'
        ) from None


def write_tables(out: Path, cells: list[dict], done: dict[str, dict]) -> None:
    """Writes the cells of this run; the JSON file keeps those done earlier, too."""
    keys = {cell.get('key') for cell in cells}
    earlier = [cell for key, cell in done.items() if key not in keys]
    with written_whole(f'{out}.json') as file:
        file.write_text(json.dumps(dict(cells=cells, earlier=earlier), indent=1))
    scores = next((cell['scores'] for cell in cells if 'scores' in cell), {})
    place = ('config', 'checkpoint', 'target')
    options: Any = dict(encoding='utf-8', errors='surrogateescape', newline='')
    with written_whole(f'{out}.csv') as beside, open(beside, 'w', **options) as file:
        writer = csv.writer(file)
        writer.writerow([*place, *scores, 'error'])
        for cell in cells:
            found = cell.get('scores', {})
            row = [cell[key] for key in place] + [found.get(key, '') for key in scores]
            writer.writerow([*row, cell.get('error', '')])
    shown = [key for key in scores if key.rpartition('/')[2] in ('mAP', 'Rank-1')]
    shown.sort(key=str.lower)  # mAP before Rank-1
    targets = list(dict.fromkeys(cell['target'] for cell in cells))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        row = lines.setdefault((cell['config'], cell['checkpoint']), {})
        found = cell.get('scores')
        row[cell['target']] = (
            ' / '.join(f'{found[key]:.1f}' for key in shown) if found else 'failed'
        )
    table = [['config', 'checkpoint', *targets], ['---'] * (2 + len(targets))]
    table += [[*who, *(row.get(t, '') for t in targets)] for who, row in lines.items()]
    text = '\n'.join(f'| {" | ".join(row)} |' for row in table)
    with written_whole(f'{out}.md') as file:
        file.write_text(f'{" / ".join(shown)} in percent\n\n{text}\n')


def main() -> None:
    args = parse_args()
    with config_errors():
        cfg = read_config(args.targets or args.model[0][0], args.cfg_options)
        init_default_scope(cfg.get('default_scope', 'dynamix'))
        metric, targets = cfg.test_evaluator, cfg.test_dataloader.dataset.targets
        names = [reader.name for reader in TargetDataset(targets).datasets]
        args.out.parent.mkdir(parents=True, exist_ok=True)
        done = finished_cells(Path(f'{args.out}.json'))
    cells: list[dict] = []
    for config, checkpoint in args.model:
        model = None
        for name, target in zip(names, targets):
            cell = dict(config=config, checkpoint=checkpoint, target=name)
            cells.append(cell)
            try:
                if model is None:
                    cfg = read_config(config, args.cfg_options)
                    model = Model(cfg, checkpoint, args.device)
                dataset = model.dataset(target)
                token = dataset.datasets[0].table.token
                cell['key'] = model.key(target, token, metric)
                if cell['key'] in done:
                    cell['scores'] = done[cell['key']]['scores']
                else:
                    print(f'{checkpoint} on {name}', flush=True)
                    cell['scores'] = model.scores(dataset, metric)
                    done[cell['key']] = cell
            except Exception as error:
                cell['error'] = f'{type(error).__name__}: {error}'
            write_tables(args.out, cells, done)
    failed = [cell for cell in cells if 'error' in cell]
    for cell in failed:
        print(f'failed: {cell["checkpoint"]} on {cell["target"]}: {cell["error"]}')
    print(f'wrote {len(cells)} cells to {args.out}.md, .csv and .json')
    if failed:
        raise SystemExit(1)


if __name__ == '__main__':
    main()
