from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest

from dynamix.datasets import ImageTable, LabelledFolder, ReIDDataset, TrackletFolder
from dynamix.structures import without_gaps


class Sparse(ReIDDataset):
    """Identities whose numbers have gaps."""

    NAME = 'sparse'
    kind = 'multi_camera'
    CACHED = False

    def build_table(self):
        identity = np.array([40, 7, -1, 7, 40, 1000])
        return ImageTable.from_columns(identity, camera=np.arange(6) % 2)


def test_a_reader_alone_gives_labels_without_gaps(monkeypatch):
    monkeypatch.setattr(ImageTable, 'path', lambda self, row: '')
    dataset = Sparse()
    assert [dataset[row]['gt_label'] for row in range(6)] == [1, 0, -1, 0, 1, 2]


def test_a_reader_is_sent_to_workers_without_columns(tmp_path):
    sent = []
    for images in (3, 3000):
        folder = tmp_path / str(images)
        identity = np.zeros(images, int)
        ImageTable.from_columns(identity, camera=identity).save(folder / 'index')
        dataset = Sparse()
        dataset.build_table = partial(ImageTable.load, folder / 'index')
        dataset.full_init()
        sent.append(len(pickle.dumps(dataset)))
    assert sent[1] < sent[0] + 10


def test_folders_may_begin_at_the_home_folder(make_images, tmp_path, monkeypatch):
    root = make_images(['train/a/c1_1.jpg', 'v/t/1.jpg', 'tracks/v/t/1.jpg'])
    (root / 'truth.csv').write_text('video,tracklet,person\nv,t,anna\n')
    monkeypatch.setenv('HOME', str(root))
    options = dict(cache_dir='~/cache')
    assert LabelledFolder('~', **options).get_data_info(0)['img_path'] == str(
        root / 'train/a/c1_1.jpg'
    )
    assert len(LabelledFolder('', folders=dict(train='~/train'), **options)) == 1
    tracks = TrackletFolder('~/tracks', truth='~/truth.csv', **options)
    assert len(tracks) == 1
    assert tracks.truth.tolist() == [0]
    assert len(list((root / 'cache').iterdir())) == 3


@pytest.mark.parametrize('given', [[], [-1], [0, 1, 0], [5, 5, -2, 3], [2**40, 0]])
def test_numbers_without_gaps(given):
    column = np.array(given, np.int64)
    found = without_gaps(column)
    known = column >= 0
    assert (found[~known] < 0).all()
    assert sorted({*found[known].tolist()}) == list(range(len({*given} - {-1, -2})))
    order = np.argsort(column[known], kind='stable')
    assert (np.diff(found[known][order]) >= 0).all()
