from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


def make_videos(
    videos: int = 12,
    people: int = 5,
    fragments: int = 3,
    images: int = 10,
    dim: int = 48,
    spread: float = 0.35,
    seed: int = 0,
) -> SimpleNamespace:
    """Embeddings of people on a sphere, in tracklets, with the truth."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(videos * people), fragments * images)
    centre = rng.normal(size=(videos * people, dim))
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    noise = rng.normal(size=(len(person), dim)) * spread / np.sqrt(dim)
    return SimpleNamespace(
        embedding=(centre[person] + noise).astype(np.float16),
        valid=np.ones(len(person), bool),
        video=person // people,
        tracklet=np.arange(len(person)) // images,
        frame=np.full(len(person), -1),
        person=person,
    )


def draw_frames(scene, images, fragments=3, seed=1):
    """People seen together, whose tracklets follow each other and overlap a little."""
    rng = np.random.default_rng(seed)
    fragment = np.arange(len(scene.video)) // images % fragments
    frame = 90 * fragment + rng.integers(0, 100, len(fragment))
    unknown = ~scene.valid | (rng.random(len(frame)) < 0.01)
    scene.frame = np.where(unknown, -1, frame)


def add_errors(scene, rate, seed=0):
    """Switches and strays: exchanges images among the tracklets of a video."""
    rng = np.random.default_rng(seed)
    for video in np.unique(scene.video):
        rows = np.flatnonzero(scene.video == video)
        names = rng.permutation(np.unique(scene.tracklet[rows]))
        for a, b in names[: 2 * int(rate * len(names) / 2)].reshape(-1, 2):
            ra, rb = (np.flatnonzero(scene.tracklet == x) for x in (a, b))
            scene.tracklet[ra[len(ra) // 2 :]] = b
            scene.tracklet[rb[len(rb) // 2 :]] = a
        odd = rows[rng.random(len(rows)) < rate]
        scene.tracklet[odd] = scene.tracklet[rng.permutation(odd)]


@pytest.fixture
def scene() -> SimpleNamespace:
    return make_videos()


@pytest.fixture(params=['good', 'crowded_cone'])
def stress(request: pytest.FixtureRequest) -> SimpleNamespace:
    """Embeddings of real tracklets, where the optional test data is present."""
    default = Path(__file__).parents[2] / '..' / 'shared' / 'data'
    folder = Path(os.environ.get('DYNAMIX_TEST_DATA', default))
    path = folder / 'relabeling_stress' / f'{request.param}.npz'
    if not path.exists():
        pytest.skip('the optional test data is absent')
    data = np.load(path)
    return SimpleNamespace(
        name=request.param,
        valid=np.ones(len(data['video']), bool),
        frame=np.full(len(data['video']), -1),
        **{key: data[key] for key in data},
    )
