from __future__ import annotations

from pathlib import Path

import numpy as np

from dynamix.visualization.curves import Curve
from dynamix.visualization.run_log import RunLog
from dynamix.visualization.run_sections import target_section


def test_targets_of_metrics_with_a_prefix():
    """A config may score by the cosine and after re-ranking."""
    x = np.array([0.0, 2.0])
    curves = {
        f'{name}/{score}': Curve(x, np.array([value, value + 1.0]))
        for value, name in enumerate(
            ('average', 'hall', 'rerank/average', 'rerank/hall', 'my_average')
        )
        for score in ('Rank-1', 'mAP', 'mINP')
    }
    log = RunLog(Path('config.py'), [], '', 0, dict(hall=('3', '4')))
    rows = target_section(curves, log).table.rows
    assert [row[0] for row in rows] == [
        'hall',
        'rerank/hall',
        'my_average',
        'average',
        'rerank/average',
    ]
    assert rows[0][1:] == ['3', '4', '1.0', '2.0 (2)', '2.0', '2.0', '2.0']
    assert rows[1][1:] == ['3', '4', '3.0', '4.0 (2)', '4.0', '4.0', '4.0']
