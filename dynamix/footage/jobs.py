"""One video after another, or several in parallel processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from .detectors import load_detector
from .tracklet_options import TrackletOptions
from .video_frames import VideoFrames
from .video_to_tracklets import VideoSummary, video_to_tracklets

# In a process of the pool: where it puts a value after each frame.
_frames_done: Any = None


class Job(NamedTuple):
    """A video and what to do with it, see :func:`convert_videos`."""

    name: str
    video: Path
    out: Path
    detector: Path
    model: str | None
    threads: int
    options: TrackletOptions
    frame_rate: float


def run_jobs(
    jobs: Sequence[Job], workers: int, on_frame: Callable[[], object]
) -> Iterator[tuple[Job, Callable[[], VideoSummary]]]:
    """Runs jobs and yields each with a function that returns or raises its result.

    Args:
        jobs (Sequence[Job]): One for each video.
        workers (int): Processes; with 1, a job runs here when its function is called.
        on_frame (Callable[[], object]): Called after each frame.
    """
    if workers == 1:
        for job in jobs:
            yield job, partial(_run, job, on_frame)
        return
    # Threads of PyTorch and ONNX Runtime do not survive a fork.
    context = get_context('spawn')
    queue = context.SimpleQueue()

    def listen() -> None:
        while queue.get():
            on_frame()

    listener = Thread(target=listen, daemon=True)
    listener.start()
    with ProcessPoolExecutor(workers, context, _begin, (queue,)) as pool:
        futures = {pool.submit(_run, job, _advance): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result
    queue.put(False)
    listener.join()


def _run(job: Job, on_frame: Callable[[], object]) -> VideoSummary:
    detect = load_detector(job.detector, job.model, job.threads)
    frames = VideoFrames(job.video, job.frame_rate)
    return video_to_tracklets(frames, job.name, job.out, detect, job.options, on_frame)


def _begin(queue: Any) -> None:
    global _frames_done
    _frames_done = queue


def _advance() -> None:
    parent = parent_process()
    if parent is not None and not parent.is_alive():
        raise SystemExit('the tool was killed')  # else the next run would meet this one
    _frames_done.put(True)
