"""Sections of a report that only need the log of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.config import Config

from .curves import Curve, draw_curves
from .report_page import Picture, Section, Table, figure_uri
from .run_log import RunLog

Curves = Mapping[str, Curve]


def facts(cfg: Config, curves: Curves, log: RunLog) -> list[tuple[str, str]]:
    """Figures at the top of the page: value and meaning."""
    found = []
    if 'epoch' in curves:
        done = f'{curves["epoch"].y[-1]:.0f}'
        planned = (cfg.get('train_cfg') or {}).get('max_epochs', done)
        found.append((f'{done} of {planned}', 'epochs'))
    if log.sources:
        images = sum(int(source[2]) for source in log.sources)
        found.append((f'{images:,}'.replace(',', ' '), 'training images'))
    if 'average/mAP' in curves:
        x, y = curves['average/mAP']
        mean = 'mAP in %, mean of the targets'
        if x[0] == 0 and len(x) > 1:
            found.append((f'{y[0]:.1f} → {y[-1]:.1f}', f'{mean}: before and after'))
        else:
            found.append((f'{y[-1]:.1f}', mean))
    if 'relabel/f1_after' in curves:
        before, after = (curves[f'relabel/f1_{k}'].y[-1] for k in ('tracker', 'after'))
        text = 'F1 of the labels of the last window: tracker and repaired'
        found.append((f'{before:.2f} → {after:.2f}', text))
    return found


def data_section(log: RunLog) -> Section:
    """What was trained on."""
    if not log.sources:
        return Section('Data', ['The log names no training data.'])
    head = ('source', 'labels', 'images', 'identities', 'cameras')
    text = [
        'Of single-camera data, identities are the tracklets of the tracker, and '
        'cameras are videos.'
    ]
    if log.batch:
        text.append(log.batch)
    return Section('Data', text, Table(head, log.sources))


def target_section(curves: Curves, log: RunLog) -> Section:
    """The table of targets."""
    names = [key.removesuffix('/mAP') for key in curves if key.endswith('/mAP')]
    names.sort(key=lambda name: name == 'average')
    if not names:
        return Section('Targets', ['The run was not evaluated.'])
    head = (
        'target',
        'queries',
        'gallery',
        'mAP before',
        'mAP best (epoch)',
        'mAP',
        'mINP',
        'Rank-1',
    )
    rows = []
    for name in names:
        x, y = curves[f'{name}/mAP']
        last = [
            f'{curves[key].y[-1]:.1f}' if key in curves else '-'
            for key in (f'{name}/{score}' for score in ('mAP', 'mINP', 'Rank-1'))
        ]
        rows.append(
            [
                name,
                *log.targets.get(name, ('', '')),
                f'{y[0]:.1f}' if x[0] == 0 else '-',
                f'{np.nanmax(y):.1f} ({x[np.nanargmax(y)]:.0f})',
                *last,
            ]
        )
    at = curves[f'{names[0]}/mAP'].x[-1]
    text = f'People and cameras never seen in training, in %, after epoch {at:.0f}.'
    charts = [
        (
            {key: curves[key] for key in curves if key.endswith(f'/{score}')},
            f'{score} in %',
            f'{score} of each target; epoch 0 is before training.',
        )
        for score in ('mAP', 'Rank-1')
    ]
    pictures = _pictures(charts, 'epoch')
    return Section('Targets', [text], Table(head, rows), pictures)


def training_section(curves: Curves, log: RunLog) -> Section:
    """Losses and learning rate."""
    per_epoch, unit = log.iterations or 1, 'epoch' if log.iterations else 'iteration'

    def of(*keys: str) -> dict[str, Curve]:
        return {
            key: Curve(curves[key].x / per_epoch, curves[key].y)
            for key in keys
            if key in curves
        }

    losses = of(*(key for key in curves if key == 'loss' or key.startswith('loss_')))
    charts = [
        (losses, 'loss', 'Losses of training batches; loss is their sum.'),
        (of('lr'), 'learning rate', 'Learning rate.'),
    ]
    pictures = _pictures(charts, unit)
    text = [] if pictures else ['The log holds no losses.']
    return Section('Training', text, pictures=pictures)


def label_section(curves: Curves, log: RunLog) -> Section:
    """Label quality window by window, and what relabeling did."""
    # a window is logged before the first iteration of its epoch
    per_epoch, begin = (log.iterations, 1) if log.iterations else (1, 0)

    def of(names: Mapping[str, str], whole: str = '') -> dict[str, Curve]:
        found = {}
        for key, name in names.items():
            if f'relabel/{key}' in curves:
                x, y = curves[f'relabel/{key}']
                if whole:
                    y = y / np.maximum(np.interp(x, *curves[f'relabel/{whole}']), 1)
                found[name] = Curve(x / per_epoch + begin, y)
        return found

    quality = of(dict(f1_tracker='tracker', f1_after='repaired'))
    done = {
        **of(dict(threshold='threshold')),
        **of(dict(merges='joins', splits='split tracklets'), 'tracklets'),
        **of(dict(drops='dropped images'), 'images'),
    }
    charts = [
        (
            quality,
            'pairwise F1',
            'Labels of each window against the truth, before and after relabeling.',
        ),
        (
            done,
            'share',
            'What relabeling did in each window: joins and split tracklets as a share '
            'of all tracklets, dropped images of all images, and the median threshold.',
        ),
    ]
    unit = 'window of epoch' if log.iterations else 'window before iteration'
    pictures = _pictures(charts, unit)
    text = [] if pictures else ['No labels were repaired.']
    return Section('Label quality', text, pictures=pictures)


def _pictures(
    charts: Sequence[tuple[Mapping[str, Curve], str, str]], xlabel: str
) -> list[Picture]:
    """Those charts (curves, y axis, caption) that have curves."""
    return [
        Picture(figure_uri(draw_curves(curves, xlabel, ylabel)), caption)
        for curves, ylabel, caption in charts
        if curves
    ]
