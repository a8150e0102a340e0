"""Everything that a report says about a run, section by section."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from dynamix.registry import DATASETS
from dynamix.relabeling import score_labels
from dynamix.relabeling.explain import explain
from dynamix.visualization import (
    draw_rank_sheet,
    draw_relabeling_sheet,
    read_scalars,
    render_report,
)
from dynamix.visualization.report_page import (
    Picture,
    Section,
    figure_uri,
    image_uri,
)
from dynamix.visualization.run_log import read_run_log
from dynamix.visualization.run_sections import (
    data_section,
    facts,
    label_section,
    target_section,
    training_section,
)

from .rank_lists import embed_target, find_metric, rank_lists
from .reid_inferencer import ReIDInferencer
from .window_relabeling import WindowRelabeling, relabel_window

# What data that are not there, or a checkpoint of another config, raise.
ERRORS = (OSError, ValueError)
RANKS = (
    'Queries with dark frames, and what was found for them, nearest first. Green: the '
    'same person, seen by another camera; red: someone else. Below each image: '
    'identity, camera, score.'
)
SHEET = (
    'A row is a person, a picture a tracklet (its middle image); below it how many of '
    'its images that were embedded. The number between two pictures is the mean '
    'similarity at which they were joined, never below the threshold. At the right '
    'edge: the most similar person that was left apart. Dashed frames: the tracklet '
    'was split. A plus: images that did not fit their tracklet and were given to this '
    'person. Tracklets that share more than a fifth of their time are never joined.'
)


def report_run(
    work_dir: Path,
    checkpoint: Path | None,
    queries: int,
    videos: int,
    loading: dict[str, Any],
    device: str | None = None,
) -> str:
    """Makes the page of a run.

    A section whose data are not there says so.

    Args:
        work_dir (Path): Work directory of the training.
        checkpoint (Path, optional): Whose model ranks and relabels; None: there is
            none.
        queries (int): Rank lists of so many best and worst queries of each target; 0:
            none.
        videos (int): Sheets of so many videos of the last window; 0: none.
        loading (dict): ``batch_size`` and ``num_workers``, for images to embed.
        device (str, optional): Defaults to None: the current GPU, or the CPU.

    Returns:
        str: HTML.

    Raises:
        FileNotFoundError: If the folder has no log or no config.
    """
    log = read_run_log(work_dir)
    curves = read_scalars(work_dir)
    cfg = Config.fromfile(log.config)
    model: ReIDInferencer | None = None
    why = f'Not drawn: {work_dir} has no checkpoint that can be read.'
    if checkpoint is not None and (queries or videos):
        try:
            model = ReIDInferencer(cfg, checkpoint, device)
            model.skip_unreadable()
        except ERRORS as error:
            why = _why(error)

    def drawn(title: str, count: int, draw: Callable[..., Section]) -> Section:
        if count == 0:
            return Section(title, ['Not drawn: it was not asked for.'])
        if model is None:
            return Section(title, [why])
        try:
            return draw(cfg, checkpoint, model, count, loading)
        except ERRORS as error:
            return Section(title, [_why(error)])

    sections = [
        data_section(log),
        training_section(curves, log),
        target_section(curves, log),
        drawn('Rank lists', queries, _ranks),
        label_section(curves, log),
        drawn('Relabeling', videos, _sheets),
        Section(
            'Config', [f'As it was run: {log.config}'], code=log.config.read_text()
        ),
    ]
    weights = f', weights of {checkpoint.name}' if checkpoint else ''
    return render_report(
        work_dir.absolute().name,
        f'Report of the run in {work_dir}{weights}',
        facts(cfg, curves, log),
        sections,
    )


def _why(error: Exception, what: str = '') -> str:
    text = f'Not drawn{what and f" ({what})"}: {error}'
    print(text)
    return text


def _ranks(
    cfg: Config,
    checkpoint: Path,
    model: ReIDInferencer,
    queries: int,
    loading: dict[str, Any],
) -> Section:
    metric = find_metric(cfg)
    dataset = cfg.test_dataloader.dataset
    pictures, text = [], [f'{RANKS} The weights are those of {checkpoint.name}.']
    for given in dataset.targets:
        try:
            one = DATASETS.build({**dataset, 'targets': [given]})
            target = embed_target(model, one, **loading)
            read = partial(model.read_image, one)
            for order in ('worst', 'best'):
                lists = rank_lists(target, read, metric, order, queries)
                caption = f'{target.name}: the {len(lists)} {order} queries.'
                sheet = image_uri(draw_rank_sheet(lists))
                pictures.append(Picture(sheet, caption, wide=True))
        except ERRORS as error:
            text.append(_why(error, str(given.get('name', given['type']))))
    return Section('Rank lists', text, pictures=pictures)


def _sheets(
    cfg: Config,
    checkpoint: Path,
    model: ReIDInferencer,
    videos: int,
    loading: dict[str, Any],
) -> Section:
    window = relabel_window(cfg, checkpoint, model, **loading)
    # those of several tracklets, if there are any
    pairs = np.unique(np.stack([window.video, window.tracklet]), axis=1)
    numbers, tracklets = np.unique(pairs[0], return_counts=True)
    several = numbers[tracklets > 1]
    drawn = (several if len(several) else numbers)[:videos].tolist()
    text = (
        f'The window of epoch {window.epoch}, relabeled with the weights of '
        f'{checkpoint.name}: {window.relabeling.report}.'
    )
    pictures = [_sheet(window, model, video) for video in drawn]
    return Section('Relabeling', [text, SHEET], pictures=pictures)


def _sheet(window: WindowRelabeling, model: ReIDInferencer, video: int) -> Picture:
    data, mine = window.dataset, window.video == video
    # numbered within the video, as they stand in the picture
    tracklet = np.zeros_like(window.tracklet)
    tracklet[mine] = np.unique(window.tracklet[mine], return_inverse=True)[1] + 1
    rows = window.rows[mine]
    source = next(s for s in data.sources if s.images.start <= rows[0] < s.images.stop)
    number = video - int(data.video[source.images].min())
    name = f'{source.name}, video {number}'
    caption = f'{name}; its first image is {data.get_data_info(rows[0])["img_path"]}.'
    truth = None
    if data.truth is not None and (data.truth[rows] >= 0).any():
        truth = data.truth[window.rows]
        score = score_labels(window.relabeling.label[mine], truth[mine])
        caption += f' Pairwise precision {score["precision"]:.2f}, '
        caption += f'recall {score["recall"]:.2f}.'
    figure = draw_relabeling_sheet(
        explain(window.relabeling, window.video, tracklet, video),
        lambda position: model.read_image(data, int(window.rows[position])),
        truth,
        name,
    )
    return Picture(figure_uri(figure, 'png'), caption, wide=True)
