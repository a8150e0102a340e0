from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import count
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from .detectors import Detector, load_detector
from .tracklet_writer import (
    TrackletOptions,
    merge_indexes,
    sheet_of,
    write_contact_sheet,
)
from .video_frames import VideoFrames
from .video_to_tracklets import VideoSummary, video_to_tracklets

# What makes a video fail without the others.
FAILURES = (OSError, ValueError, BrokenProcessPool)

# In a process of the pool: the detector, and the frames that all processes have done.
_detect: Detector
_frames_done: Any


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
        workers (int): Videos at the same time, each in a process. Defaults to 1: one
            after another in this process.
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
    load = partial(load_detector, detector, model, threads)
    detect = load()  # here if the pool loads it, too: a wrong one is an error now
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn('frames, left:'))
    with Progress(*columns, TimeRemainingColumn()) as progress:

        def say(name: str, line: object) -> None:
            line = f'{name}: {line}'
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        to_do: dict[str, VideoFrames] = {}
        for name, path in named.items():
            if (out / name).exists():
                say(name, f'done before; remove {out / name} to do it again')
                if not sheet_of(out, name).exists():
                    write_contact_sheet(out, name)
                continue
            try:
                to_do[name] = VideoFrames(path, frame_rate)
            except FAILURES as error:
                failed.append(name)
                say(name, error)
        lengths = {name: frames.length for name, frames in to_do.items()}
        bar = progress.add_task('', total=sum(lengths.values()))

        def show(frames: int) -> None:
            progress.update(bar, completed=frames)

        convert = partial(
            video_to_tracklets, out=out, options=options or TrackletOptions()
        )
        if workers == 1:
            results = _one_by_one(to_do, partial(convert, detect=detect), show)
        else:
            results = _in_processes(to_do, convert, show, load, workers)
        for name, result in results:
            try:
                done = result()
                lengths[name] = done.frames
                progress.update(bar, total=sum(lengths.values()))
                say(name, done)
                write_contact_sheet(out, name)
            except FAILURES as error:
                failed.append(name)
                say(name, error)
    return merge_indexes(out), failed


# Of each video: its name, and what returns its summary or raises its error.
Results = Iterator[tuple[str, Callable[[], VideoSummary]]]


def _one_by_one(
    videos: Mapping[str, VideoFrames],
    convert: Callable[..., VideoSummary],
    show: Callable[[int], None],
) -> Results:
    """Converts videos as their results are asked for; shows the frames done."""
    done = count(1)
    for name, frames in videos.items():
        yield name, partial(convert, frames, name, on_frame=lambda: show(next(done)))


def _in_processes(
    videos: Mapping[str, VideoFrames],
    convert: Callable[..., VideoSummary],
    show: Callable[[int], None],
    load: Callable[[], Detector],
    workers: int,
) -> Results:
    # Threads of PyTorch and ONNX Runtime do not survive a fork.
    context = get_context('spawn')
    done = context.Value('q', 0)
    with ProcessPoolExecutor(workers, context, _begin, (load, done)) as pool:
        running = {
            pool.submit(_convert, convert, frames, name): name
            for name, frames in videos.items()
        }
        while running:
            ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            show(done.value)
            for future in ended:
                yield running.pop(future), future.result


def _begin(load: Callable[[], Detector], frames_done: Any) -> None:
    global _detect, _frames_done
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # else it begins the next video
    Thread(target=_end_with_parent, daemon=True).start()
    _detect, _frames_done = load(), frames_done


def _end_with_parent() -> None:
    """Ends this process when the tool was killed: the next run would meet it."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _convert(
    convert: Callable[..., VideoSummary], frames: VideoFrames, name: str
) -> VideoSummary:
    return convert(frames, name, detect=_detect, on_frame=_count_frame)


def _count_frame() -> None:
    with _frames_done.get_lock():
        _frames_done.value += 1
