from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from dynamix.apis import ReIDInferencer
from dynamix.gallery import Gallery

pytest.importorskip('faiss')
gradio_client = pytest.importorskip('gradio_client')
APP = Path(__file__).parents[2] / 'demo' / 'gallery_app.py'


def test_a_search_of_the_page(model, tracks, tmp_path):
    inferencer = ReIDInferencer(model)
    for name, video in (('monday', 'door'), ('tuesday', 'cam2')):
        paths = sorted(map(str, (tracks / video).glob('*/*.png')))
        with Gallery.create(
            tmp_path / 'days' / name, 24, inferencer.fingerprint
        ) as gallery:
            cameras = [path.split('/')[-2] for path in paths]
            gallery.add(inferencer(paths), paths, cameras)
    build_app = runpy.run_path(str(APP))['build_app']
    page = build_app(tmp_path / 'days', inferencer)
    _, url, _ = page.launch(
        server_name='127.0.0.1', prevent_thread_lock=True, quiet=True, share=False
    )
    try:
        client = gradio_client.Client(url, verbose=False)
        person = tracks / 'cam2' / '0001' / '000110.png'
        query = gradio_client.handle_file(str(person))
        found = client.predict('tuesday', query, [], 3, api_name='/search')
        assert len(found) == 3
        assert found[0]['caption'] == '1.00 cam 0001'
        shown = cv2.imread(found[0]['image'])
        assert np.abs(shown.astype(int) - cv2.imread(str(person))).mean() < 12
    finally:
        page.close()
    search = next(f.fn for f in page.fns.values() if f.api_name == 'search')
    found = search('monday', cv2.imread(str(person)), ['0000'], 9)
    assert [caption[-4:] for _, caption in found] == ['0000'] * 4
    with pytest.raises(FileNotFoundError, match=r'no gallery in .*tracks'):
        build_app(tracks, inferencer)
