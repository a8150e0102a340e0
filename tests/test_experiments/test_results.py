from __future__ import annotations

import json

from mmengine.config import Config

from dynamix.experiments import read_label_score, read_scores


def test_a_resumed_run_keeps_what_it_logged_before(tmp_path):
    for begun, lines in (
        (
            '20260101_120000',
            [dict(loss=2.0, epoch=1, step=1), {'relabel/f1_after': 0.75, 'step': 4}],
        ),
        (
            '20260101_130000',
            [
                dict(loss=1.0, epoch=2, step=5),
                {'average/mAP': 20.0, 'average/Rank-1': 30.0, 'step': 2},
            ],
        ),
    ):
        log = tmp_path / begun / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert read_label_score(tmp_path, Config()) == 0.75
    assert read_scores(tmp_path, epochs=2) == {'average': {'mAP': 20.0, 'Rank-1': 30.0}}
    assert read_scores(tmp_path, epochs=3) == {}
