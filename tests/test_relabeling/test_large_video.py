"""One large video is relabelled in memory that is far from images x images."""

import tracemalloc

import numpy as np
import pytest

from dynamix.relabeling import RelabelRule, relabel, score_labels

from .conftest import make_videos


def test_no_matrix_of_images_by_images(monkeypatch):
    scene = make_videos(videos=1, people=320, fragments=2, images=25, dim=32)
    images = len(scene.video)
    assert images == 16000
    small = make_videos(videos=20, seed=1, dim=32)
    shift = dict(video=1, tracklet=10**6, person=10**6)
    columns = {
        key: np.concatenate([x, getattr(small, key) + shift.get(key, 0)])
        if key not in ('embedding', 'valid')
        else np.concatenate([x, getattr(small, key)])
        for key, x in vars(scene).items()
    }
    person = columns.pop('person')
    tracemalloc.start()
    identity, report = relabel(**columns, rule=RelabelRule(insist=True))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # a byte for each pair of images would be 256 MB
    assert peak < 60e6
    assert report.embeddings == len(person)
    large = columns['video'] == 0
    assert score_labels(identity[large], person[large])['f1'] > 0.8


@pytest.mark.parametrize('images', [1, 3000])
def test_one_video_is_all_there_is(images):
    scene = make_videos(videos=1, people=1, fragments=1, images=images, dim=8)
    columns = {k: v for k, v in vars(scene).items() if k != 'person'}
    identity, _ = relabel(**columns)
    assert (identity >= 0).mean() > 0.98
    assert len(np.unique(identity[identity >= 0])) == 1
