from __future__ import annotations

import csv
import errno
import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from dynamix.datasets import TrackletFolder
from dynamix.footage import (
    TrackletOptions,
    VideoFrames,
    load_detector,
    video_to_tracklets,
)
from dynamix.footage.tracklet_writer import merge_indexes, write_contact_sheet
from dynamix.relabeling import score_labels

from .drawn import HEIGHT, PEOPLE, SIZE, WIDTH, detect, draw, left_of, write_video

FRAMES = 40
BOX = ('x', 'y', 'width', 'height')


@pytest.fixture(scope='module')
def video(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp('video') / 'hall.mkv'
    return write_video(file, [draw(frame) for frame in range(FRAMES)])


@pytest.fixture
def convert(video, tmp_path):
    def convert(on_frame=lambda: None, detect=detect, **options):
        frames = VideoFrames(video)
        options = TrackletOptions(**options)
        out = tmp_path / 'tracks'
        return video_to_tracklets(frames, 'hall', out, detect, options, on_frame)

    return convert


def read_index(out: Path) -> list[dict[str, str]]:
    merge_indexes(out)
    with open(out / 'tracklets.csv', newline='') as stream:
        return list(csv.DictReader(stream))


def crops_by_person(out: Path) -> dict[int, list[int]]:
    """Frames by person, from the pixels of the crops."""
    found: dict[int, list[int]] = {}
    for file in sorted(out.glob('hall/*/*.jpg')):
        middle = cv2.imread(str(file)).mean(axis=(0, 1))
        far = [np.abs(middle - colour).sum() for *_, colour in PEOPLE]
        found.setdefault(int(np.argmin(far)), []).append(int(file.stem))
    return found


def test_crops_index_and_reader(convert, tmp_path):
    summary = convert(every=1)
    assert (summary.frames, summary.damage) == (FRAMES, '')
    out = tmp_path / 'tracks'
    # the first frame is there to confirm the second
    assert crops_by_person(out) == {0: [*range(1, 40)], 1: [*range(1, 40)]}
    rows = read_index(out)
    assert len(rows) == sum(summary.crops) == 78
    assert list(rows[0]) == [
        *('video', 'tracklet', 'frame'),
        *('x', 'y', 'width', 'height', 'score'),
    ]
    tracklets = [row['tracklet'] for row in rows]
    assert len(set(tracklets)) == 2
    assert tracklets == sorted(tracklets)
    for row in rows:
        person = int(float(row['y']) > 20)
        assert float(row['x']) == left_of(person, int(row['frame']))
        assert (float(row['width']), float(row['height'])) == SIZE
        file = out / 'hall' / row['tracklet'] / f'{int(row["frame"]):06d}.jpg'
        assert cv2.imread(str(file)).shape == (*SIZE[::-1], 3)
    dataset = TrackletFolder(str(out), frames_are_clock=True)
    assert len(dataset) == 78
    table = dataset.table
    assert table.frame.tolist() == [int(row['frame']) for row in rows]
    assert [table.path(i).split('/')[-2] for i in range(78)] == tracklets
    (out / 'hall' / '0003').mkdir()  # of one whose crops a user deleted
    write_contact_sheet(out, 'hall')
    sheet = cv2.imread(str(tmp_path / 'tracks_sheets' / 'hall.png'))
    assert len(sheet) == 2 * 188
    assert {p.name for p in out.iterdir()} == {'hall', 'tracklets.csv'}


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(every=3, max_crops=0, min_height=48), [*range(3, 40, 3)]),
        (dict(), [*range(2, 40, 2)]),  # ten frames a second
        (dict(every=3, max_crops=5, min_length=3), [12, 24, 36]),
        (dict(every=3, max_crops=6, min_length=6), [6, 12, 18, 24, 30, 36]),
        (dict(every=3, min_length=14), []),
        (dict(every=3, min_height=49), []),
        (dict(every=3, score=0.8), []),  # begins at 1
    ],
)
def test_which_crops_are_kept(convert, tmp_path, options, expected):
    summary = convert(**options)
    both = {0: expected, 1: expected} if expected else {}
    assert crops_by_person(tmp_path / 'tracks') == both
    assert summary.crops == [len(expected)] * len(both)
    assert len(read_index(tmp_path / 'tracks')) == 2 * len(expected)
    assert (tmp_path / 'tracks' / 'hall').is_dir()


def test_margin_ends_at_the_border(convert, tmp_path):
    convert(every=1, margin=0.25)
    out = tmp_path / 'tracks'
    width, height = SIZE
    for row in read_index(out):
        x, y = float(row['x']), float(row['y'])
        file = out / 'hall' / row['tracklet'] / f'{int(row["frame"]):06d}.jpg'
        assert cv2.imread(str(file)).shape[:2] == (
            min(y + 1.25 * height, HEIGHT) - max(y - 0.25 * height, 0),
            min(x + 1.25 * width, WIDTH) - max(x - 0.25 * width, 0),
        )
        assert (float(row['width']), float(row['height'])) == SIZE


def test_a_person_who_is_lost_gets_a_new_tracklet(convert, tmp_path):
    """Ten frames a second: three may be missing, not eight."""
    for missing, tracklets in ((3, 2), (8, 3)):
        frame = iter(range(FRAMES))

        def blind(image, frame=frame, missing=missing):
            boxes, scores = detect(image)
            hidden = 15 <= next(frame) < 15 + missing
            return boxes[hidden:], scores[hidden:]

        summary = convert(detect=blind, every=1)
        assert len(summary.crops) == tracklets
        for folder in (tmp_path / 'tracks').iterdir():
            folder.rename(tmp_path / f'tracks{missing}')


def test_nothing_is_left_of_an_interrupted_video(convert, tmp_path, monkeypatch):
    out = tmp_path / 'tracks'
    seen = []

    def interrupt():
        seen.append(len(list(out.rglob('*.jpg'))))
        if len(seen) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(interrupt, every=1)
    assert seen[-1] > 30
    assert os.listdir(out) == []
    # what a run that was killed leaves
    left = out / '.hall.unfinished' / '0099'
    left.mkdir(parents=True)
    (left / '000001.jpg').touch()
    with pytest.raises(ValueError, match='there is no image'):
        TrackletFolder(str(out)).full_init()
    write = Path.write_bytes

    def full(file, content):
        if file.name == '000009.jpg':
            raise OSError(errno.ENOSPC, 'No space left on device')
        return write(file, content)

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(OSError, match=r'000009\.jpg cannot be written: No space'):
        convert(every=1)
    assert os.listdir(out) == []
    monkeypatch.undo()
    left.mkdir(parents=True)
    convert(every=1)
    assert os.listdir(out) == ['hall']
    assert len(list(out.rglob('*.jpg'))) == 78


@pytest.mark.parametrize(
    'options',
    [
        *(dict(margin=-0.1), dict(score=1.5), dict(every=-1), dict(min_length=0)),
        dict(max_crops=3),
    ],
)
def test_wrong_options(options):
    with pytest.raises(ValueError, match=f'`{next(iter(options))}`'):
        TrackletOptions(**options)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``[n, m]`` of boxes x, y, width, height."""
    begin = np.maximum(a[:, None, :2], b[None, :, :2])
    end = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    both = (end - begin).clip(0).prod(-1)
    return both / (a[:, 2:].prod(1)[:, None] + b[:, 2:].prod(1)[None] - both)


def test_people_of_a_real_video(real_data, tmp_path):
    """The first 60 frames of PETS 2009 S2.L1."""

    class Begin(VideoFrames):
        def __iter__(self):
            return itertools.islice(super().__iter__(), 60)

    frames = Begin(real_data / 'pets09_s2l1' / 'vtest.avi')
    detector = load_detector(real_data / 'weights' / 'yolox_nano.onnx')
    out = tmp_path / 'tracks'
    video_to_tracklets(frames, 'pets', out, detector, TrackletOptions(every=1))
    with open(real_data / 'pets09_s2l1' / 'ground_truth.csv', newline='') as stream:
        truth = [row for row in csv.DictReader(stream) if int(row['frame']) < 60]
    rows = read_index(out)
    person = np.full(len(rows), -1)
    hits = 0
    for number in range(60):
        here = [i for i, row in enumerate(rows) if int(row['frame']) == number]
        there = [row for row in truth if int(row['frame']) == number]
        boxes = [[float(rows[i][k]) for k in BOX] for i in here]
        true = [[float(row[k]) for k in ('x', 'y', 'w', 'h')] for row in there]
        overlap = iou(np.array(boxes).reshape(-1, 4), np.array(true).reshape(-1, 4))
        hits += int((overlap >= 0.5).any(axis=0).sum())
        for i, values in zip(here, overlap):
            if len(values) and values.max() >= 0.5:
                person[i] = int(there[values.argmax()]['person'][1:])
    assert hits / len(truth) > 0.8
    assert (person >= 0).mean() > 0.7
    tracklet = np.array([int(row['tracklet']) for row in rows])
    known = person >= 0
    assert score_labels(tracklet[known], person[known])['f1'] > 0.6
