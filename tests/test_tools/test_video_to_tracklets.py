"""tools/dataset_converters/video_to_tracklets.py"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import pytest

from dynamix.datasets import TrackletFolder
from tests.test_footage.drawn import draw, write_detector, write_video

from .conftest import TOOLS
from .conftest import run as run_tool

TOOL = 'dataset_converters/video_to_tracklets.py'
# centre (32, 18) of the model's 64 x 64 pixels, 16 x 24: in 160 x 96, 40 x 60 pixels
PERSON = (64 + 1 * 4 + 2, (0.0, 0.125, 0.0, 0.405465, 0.9, 1.0))


@pytest.fixture
def detector(tmp_path) -> Path:
    return write_detector(tmp_path / 'detector.onnx', [PERSON])


@pytest.fixture
def run(detector, tmp_path):
    return partial(run_tool, TOOL, '--detector', detector, '--out', tmp_path / 'tracks')


def make_video(path: Path, frames: int) -> Path:
    return write_video(path, [draw(0)] * frames)


def test_videos_in_parallel(run, detector, tmp_path, capsys):
    out = tmp_path / 'tracks'
    videos = [make_video(tmp_path / 'hall.mkv', 21), tmp_path / 'door']
    videos[1].mkdir()
    for frame in range(9):
        cv2.imwrite(str(videos[1] / f'{frame}.png'), draw(0))
    wrong = tmp_path / 'wrong [x].avi'
    wrong.write_text('no video')
    words = (*videos, wrong, '--detector', detector, '--out', out, '--workers', 2)
    command = [sys.executable, '-W', 'ignore', TOOLS / TOOL, *words, '--frame-rate', 5]
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(TOOLS.parent)),
    )
    assert done.returncode == 1
    assert f'wrong [x]: {wrong} cannot be read as a video' in done.stdout
    assert 'hall: 21 frames, 1 tracklets, 10 crops, median 10' in done.stdout
    assert 'door: 9 frames, 1 tracklets, 8 crops, median 8' in done.stdout
    assert '2 videos with 2 tracklets, 18 crops, median 9 a tracklet' in done.stdout
    assert done.stderr.endswith('1 videos failed: wrong [x]\n')
    assert 'Traceback' not in done.stderr
    dataset = TrackletFolder(str(out), frames_are_clock=True)
    assert len(dataset) == 18
    assert dataset.table.frame.tolist() == [*range(1, 9), *range(2, 21, 2)]
    index = (out / 'tracklets.csv').read_text().splitlines()
    assert index[1:3] == [
        'door,0000,1,60.0,15.0,40.0,60.0,0.900',
        'door,0000,2,60.0,15.0,40.0,60.0,0.900',
    ]
    sheets = tmp_path / 'tracks_sheets'
    assert cv2.imread(str(sheets / 'hall.png')).shape[0] == 188
    (sheets / 'door.png').unlink()
    # a second time, with one that is new
    before = (out / 'hall/0000/000002.jpg').stat().st_mtime_ns
    run(*videos, make_video(tmp_path / 'gate.mkv', 21), '--every', 1)
    printed = capsys.readouterr().out
    assert f'hall: done before; remove {out}/hall to do it again' in printed
    assert '3 videos with 3 tracklets, 38 crops' in printed
    assert (out / 'hall/0000/000002.jpg').stat().st_mtime_ns == before
    assert {path.name for path in sheets.iterdir()} == {
        'door.png',
        'gate.png',
        'hall.png',
    }
    assert len((out / 'tracklets.csv').read_text().splitlines()) == 39


def test_a_tool_that_is_killed_begins_the_video_anew(run, tmp_path, capsys):
    out = tmp_path / 'tracks'
    first = make_video(tmp_path / 'first.mkv', 9)
    second = make_video(tmp_path / 'second.mkv', 900)
    context = multiprocessing.get_context('fork')
    process = context.Process(target=run, args=(first, second, '--every', 1))
    process.start()
    until = time.monotonic() + 60
    while not list(out.glob('.second.unfinished/0000/*.jpg')):
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode == -9
    assert len(TrackletFolder(str(out))) == 8
    assert not (out / 'second').exists()
    run(first, second, '--every', 10)
    printed = capsys.readouterr().out
    assert 'first: done before' in printed
    assert 'second: 900 frames, 1 tracklets, 89 crops' in printed
    assert {path.name for path in out.iterdir()} == {
        'first',
        'second',
        'tracklets.csv',
    }


def test_wrong_words(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run(tmp_path / 'nothing.mp4')
    assert error.value.code == 2
    assert 'there is no video' in capsys.readouterr().err
    video = make_video(tmp_path / 'hall.mkv', 2)
    (tmp_path / 'hall').mkdir()
    with pytest.raises(SystemExit, match=r"hall\.mkv and .* both .*tracks/hall': re"):
        run(video, tmp_path / 'hall')
    with pytest.raises(SystemExit) as error:
        run(video, '--margin', -1)
    assert error.value.code == 2
    assert '`margin` must be' in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no detector 'yolo' but"):
        run(video, '--detector-model', 'yolo')
    assert not (tmp_path / 'tracks').exists()
