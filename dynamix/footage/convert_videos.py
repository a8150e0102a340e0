from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from .detectors import load_detector
from .jobs import Job, run_jobs
from .tracklet_options import TrackletOptions
from .video_frames import VideoFrames
from .video_to_tracklets import VideoSummary

# What makes a video fail without the others.
FAILURES = (OSError, ValueError, BrokenProcessPool)


def convert_videos(
    videos: Sequence[Path],
    out: Path,
    detector: Path,
    model: str | None = None,
    options: TrackletOptions | None = None,
    workers: int = 1,
    frame_rate: float = 25.0,
) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Writes the tracklets of videos and shows the progress.

    Args:
        videos (Sequence[Path]): Video files, or folders of images.
        out (Path): Gets a folder for each video, see :func:`video_to_tracklets`, and
            ``tracklets.csv`` of all; ``<out>_sheets`` gets a contact sheet of each.
            A video whose folder is there is not done again.
        detector (Path): See :func:`load_detector`.
        model (str, optional): See there.
        options (TrackletOptions, optional): What becomes a crop.
        workers (int): Videos at the same time. Defaults to 1.
        frame_rate (float): Frames per second where a video does not say. Defaults
            to 25.

    Returns:
        tuple[Counter[tuple[str, str]], list[str]]: Number of crops by (video,
        tracklet), of all videos in ``out``, and videos that failed. The others are
        complete.

    Raises:
        ValueError: If two videos have one name, or the detector cannot be read.
        OSError: If the detector is missing or a file cannot be written.
        ImportError: If a package is missing.
    """
    named: dict[str, Path] = {}
    for path in videos:
        name = path.name if path.is_dir() else path.stem
        if name in named:
            raise ValueError(
                f"{named[name]} and {path} would both be written to '{out / name}': "
                'rename one of them'
            )
        named[name] = path
    threads = max(1, (os.cpu_count() or 1) // workers)
    load_detector(detector, model, threads)  # a wrong one is an error now
    # These bring PyTorch, which takes seconds and parallel processes need not.
    from .contact_sheet import sheet_of, write_contact_sheet
    from .tracklet_index import merge_indexes

    out.mkdir(parents=True, exist_ok=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn('frames, left:'))
    failed = []
    with Progress(*columns, TimeRemainingColumn()) as progress:
        bar = progress.add_task('', total=0)

        def more(frames: int) -> None:
            progress.update(bar, total=(progress.tasks[0].total or 0) + frames)

        def say(name: str, line: str) -> None:
            line = f'{name}: {line}'
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        jobs, length = [], {}
        for name, path in named.items():
            if (out / name).exists():
                say(name, f'done before; remove {out / name} to do it again')
                if not sheet_of(out, name).exists():
                    write_contact_sheet(out, name)
                continue
            try:
                length[name] = VideoFrames(path, frame_rate).length
            except FAILURES as error:
                failed.append(name)
                say(name, str(error))
                continue
            more(length[name])
            settings = options or TrackletOptions()
            jobs.append(
                Job(name, path, out, detector, model, threads, settings, frame_rate)
            )
        for job, result in run_jobs(jobs, workers, lambda: progress.advance(bar)):
            try:
                done = result()
                more(done.frames - length[job.name])
                say(job.name, describe(done))
                write_contact_sheet(out, job.name)
            except FAILURES as error:
                failed.append(job.name)
                say(job.name, str(error))
    return merge_indexes(out), failed


def describe(done: VideoSummary) -> str:
    """One line on a video."""
    median = f', median {np.median(done.crops):g} a tracklet' if done.crops else ''
    return (
        f'{done.frames} frames, {len(done.crops)} tracklets, {sum(done.crops)} crops'
        f'{median}{done.damage and "; "}{done.damage}'
    )
