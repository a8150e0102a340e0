"""Stands in for tools/train.py: writes the scalars that a run would have logged."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument('config')
parser.add_argument('--work-dir', type=Path)
parser.add_argument('--resume', action='store_true')
parser.add_argument('--cfg-options', nargs='+')
args = parser.parse_args()
# MMEngine's Config would do, but takes seconds to import.
text = re.sub(
    r'\{\{\$(\w+):(\w*)\}\}',
    lambda match: os.environ.get(match[1], match[2]),
    Path(args.config).read_text(),
)
cfg: dict = {}
exec(text, cfg)
options = dict(option.split('=') for option in args.cfg_options)
seed = int(options['randomness.seed'])
with open(args.work_dir.parents[3] / 'starts', 'a') as starts:
    starts.write(f'{Path(args.config).stem} {os.environ["DYNAMIX_BED"]} {seed}\n')
print(f'options: {args.cfg_options[1:]}')
print(f'resumes: {(args.work_dir / "epoch_1.pth").exists()}')

behaviour = cfg.get('behaviour')
marker = args.work_dir / 'epoch_1.pth'
if behaviour == 'fails' or (behaviour == 'killed once' and not marker.exists()):
    marker.touch()
    print('ValueError: the learning rate is a banana')
    sys.exit(3)
marker.touch()
if behaviour == 'says nothing':
    sys.exit(0)
log = args.work_dir / 'now' / 'vis_data' / 'scalars.json'
log.parent.mkdir(parents=True, exist_ok=True)
score = cfg['base_score'] + cfg['gain'] + seed * (1 + cfg['gain'] / 10)
lines = [
    {'loss': 1.0, 'epoch': 1, 'step': 1},
    {'average/mAP': 1.0, 'average/Rank-1': 2.0, 'step': 1},
    {
        **{'average/mAP': score, 'average/Rank-1': score + 5, 'average/mINP': 0.0},
        **{'near/mAP': score + 1, 'near/Rank-1': score + 6},
        **{'far/mAP': score - 1, 'far/Rank-1': score + 4},
        'step': cfg['train_cfg']['max_epochs'],
    },
]
if 'label_f1' in cfg:
    lines.insert(1, {'relabel/f1_after': cfg['label_f1'], 'step': 7})
log.write_text(''.join(json.dumps(line) + '\n' for line in lines))
