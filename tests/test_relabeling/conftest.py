from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dynamix.relabeling import score_labels

DATA = Path(os.environ.get('DYNAMIX_TEST_DATA', '../shared/data')).resolve()


class Tracks:
    """Columns of tracked images and the person that each shows."""

    def __init__(self, x, video, tracklet, frame, person):
        self.x = np.asarray(x, np.float32)
        self.video = np.asarray(video, np.int64)
        self.tracklet = np.asarray(tracklet, np.int64)
        self.frame = np.asarray(frame, np.int64)
        self.person = np.asarray(person, np.int64)

    @property
    def columns(self):
        return self.x, self.video, self.tracklet, self.frame

    def take(self, rows) -> Tracks:
        columns = (*self.columns, self.person)
        return Tracks(*(column[rows] for column in columns))


def make_tracks(
    people: int = 8,
    fragments: int = 3,
    images: int = 6,
    videos: int = 1,
    noise: float = 0.5,
    clock: bool = True,
    dim: int = 32,
    seed: int = 0,
) -> Tracks:
    """People walk through a video at the same time, each in several tracklets."""
    rng = np.random.default_rng(seed)
    shape = (videos, people, fragments, images)
    video, person, part, image = np.indices(shape).reshape(4, -1)
    centre = rng.normal(size=(videos * people, dim))
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    person = video * people + person
    drift = rng.normal(size=(videos * people * fragments, dim)) / np.sqrt(dim)
    tracklet = person * fragments + part
    x = centre[person] + 0.5 * noise * drift[tracklet]
    x += noise * rng.normal(size=x.shape) / np.sqrt(dim)
    frame = part * images + image if clock else np.full(len(x), -1)
    return Tracks(x, video, tracklet, frame, person)


def add_errors(tracks: Tracks, rate: float, seed: int = 0) -> Tracks:
    """Some tracklets exchange their second halves, some images their places."""
    rng = np.random.default_rng(seed)
    tracklet = tracks.tracklet.copy()
    for video in np.unique(tracks.video):
        rows = np.flatnonzero(tracks.video == video)
        names = rng.permutation(np.unique(tracklet[rows]))
        for a, b in names[: 2 * round(rate * len(names) / 2)].reshape(-1, 2):
            of_a, of_b = (np.flatnonzero(tracklet == t) for t in (a, b))
            tracklet[of_a[len(of_a) // 2 :]] = b
            tracklet[of_b[len(of_b) // 2 :]] = a
        stray = rows[rng.random(len(rows)) < rate]
        tracklet[stray] = tracklet[rng.permutation(stray)]
    return Tracks(tracks.x, tracks.video, tracklet, tracks.frame, tracks.person)


def join(*parts: Tracks) -> Tracks:
    """Several sets of tracks as further videos of one."""
    columns: list[list] = [[] for _ in range(5)]
    video = tracklet = person = 0
    for t in parts:
        shifted = (t.x, t.video + video, t.tracklet + tracklet, t.frame)
        shown = np.where(t.person >= 0, t.person + person, -1)
        for column, value in zip(columns, (*shifted, shown)):
            column.append(value)
        video, tracklet = video + t.video.max() + 1, tracklet + t.tracklet.max() + 1
        person += t.person.max() + 1
    return Tracks(*map(np.concatenate, columns))


def load_tracks(name: str) -> Tracks:
    path = DATA / name
    if not path.exists():
        pytest.skip(f'{path} is absent')
    data = np.load(path)
    keys = np.stack([data['video'], data['tracklet']]).astype(np.int64)
    tracklet = np.unique(keys, axis=1, return_inverse=True)[1].ravel()
    frame = data['frame'] if 'frame' in data else np.full(len(tracklet), -1)
    return Tracks(data['embedding'], data['video'], tracklet, frame, data['person'])


def f1(label, tracks: Tracks) -> float:
    shown = tracks.person >= 0
    columns = (label[shown], tracks.person[shown], tracks.video[shown])
    return score_labels(*columns)['f1']
