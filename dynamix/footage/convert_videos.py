from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
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
    model: str | None,
    options: TrackletOptions,
    workers: int,
    frame_rate: float,
) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Writes the tracklets of videos and shows the progress.

    Args:
        videos (Sequence[Path]): Video files, or folders of images.
        out (Path): Gets a folder for each video, see :func:`video_to_tracklets`, and
            ``tracklets.csv`` of all; ``<out>_sheets`` gets a contact sheet of each.
            A video whose folder is there is not done again.
        detector (Path): See :func:`load_detector`.
        model (str, optional): See there.
        options (TrackletOptions): What becomes a crop.
        workers (int): Videos at the same time, each in a process.
        frame_rate (float): Frames per second where a video does not say.

    Returns:
        tuple: Number of crops by (video, tracklet), of all videos in ``out``, and
        videos that failed. The others are complete.

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
    load()  # the processes load it, too: a wrong one is an error now
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    # Threads of PyTorch and ONNX Runtime do not survive a fork.
    context = get_context('spawn')
    done = context.Value('q', 0)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn('frames, left:'))
    with (
        Progress(*columns, TimeRemainingColumn()) as progress,
        ProcessPoolExecutor(workers, context, _begin, (load, done)) as pool,
    ):

        def say(name: str, line: object) -> None:
            line = f'{name}: {line}'
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        running: dict[Future[VideoSummary], str] = {}
        length = 0
        for name, path in named.items():
            if (out / name).exists():
                say(name, f'done before; remove {out / name} to do it again')
                if not sheet_of(out, name).exists():
                    write_contact_sheet(out, name)
                continue
            try:
                frames = VideoFrames(path, frame_rate)
                running[pool.submit(_convert, frames, name, out, options)] = name
                length += frames.length
            except FAILURES as error:
                failed.append(name)
                say(name, error)
        bar = progress.add_task('', total=length)
        try:
            while running:
                ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                progress.update(bar, completed=done.value)
                for future in ended:
                    name = running.pop(future)
                    try:
                        say(name, future.result())
                        write_contact_sheet(out, name)
                    except FAILURES as error:
                        failed.append(name)
                        say(name, error)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # none begins any more
            raise
    return merge_indexes(out), failed


def _begin(load: Callable[[], Detector], frames_done: Any) -> None:
    global _detect, _frames_done
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # else it begins the next video
    Thread(target=_end_with_parent, daemon=True).start()
    _detect, _frames_done = load(), frames_done


def _end_with_parent() -> None:
    """Ends this process when the tool was killed, else both write in the next run."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _convert(
    frames: VideoFrames, name: str, out: Path, options: TrackletOptions
) -> VideoSummary:
    return video_to_tracklets(frames, name, out, _detect, options, _count_frame)


def _count_frame() -> None:
    with _frames_done.get_lock():
        _frames_done.value += 1
