"""A page to search galleries: choose or upload a crop, see who looks like it.

    python demo/gallery_app.py GALLERY CONFIG CHECKPOINT
    python demo/gallery_app.py GALLERY MODEL.onnx

GALLERY is one, or a folder of several, made by `tools/gallery.py` with this model.
Nobody else on the network sees the page, unless --host says so.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import mmcv
import numpy as np

from dynamix.apis import ReIDInferencer
from dynamix.gallery import Entry, Gallery
from dynamix.gallery.inputs import crop_of

os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
SHOWN = 21


def build_app(folder: str | Path, inferencer: ReIDInferencer) -> Any:
    """The page, to be launched.

    Args:
        folder (str | Path): A gallery, or a folder of them.
        inferencer (ReIDInferencer): The model that made them.

    Returns:
        gradio.Blocks: The page.

    Raises:
        ImportError: If Gradio is missing.
        FileNotFoundError: If there is no gallery.
        ValueError: If another model made a gallery.
    """
    try:
        import gradio as gr
    except ImportError as error:
        raise ImportError('the page needs Gradio: pip install -e ".[demo]"') from error
    folder = Path(folder)
    folders = [folder] if Gallery.exists(folder) else sorted(folder.glob('*/'))
    galleries = {
        path.name: Gallery.open(path, inferencer.fingerprint)
        for path in map(Path.absolute, folders)
        if Gallery.exists(path)
    }
    if not galleries:
        raise FileNotFoundError(f'there is no gallery in {folder}, nor in its folders.')

    def show(name: str) -> tuple[Any, ...]:
        """What a gallery has to choose from: cameras, and some of its entries."""
        gallery = galleries[name]
        ids = gallery.select()
        some = ids[:: max(1, len(ids) // SHOWN)][:SHOWN]
        shown = [crop(entry) for entry in gallery.entries(some)]
        return gr.Dropdown(choices=gallery.cameras(), value=[]), shown

    def choose(event: gr.SelectData) -> np.ndarray:
        return mmcv.imread(event.value['image']['path'], channel_order='rgb')

    def search(
        name: str, image: np.ndarray | None, cameras: list[str], topk: float
    ) -> list[tuple[np.ndarray, str]]:
        if image is None:
            return []
        query = inferencer(np.ascontiguousarray(image[..., ::-1]))
        found = galleries[name].search(query, int(topk), cameras or None)[0]
        return [(crop(m.entry), f'{m.score:.2f} {caption(m.entry)}') for m in found]

    first = next(iter(galleries))
    with gr.Blocks(
        title='Who is it?', analytics_enabled=False, fill_width=True
    ) as page:
        with gr.Row():
            with gr.Column(scale=1):
                name = gr.Dropdown([*galleries], value=first, label='Gallery')
                # lossless, as it is embedded
                query = gr.Image(
                    label='Query', format='png', height=260, sources=['upload']
                )
                cameras = gr.Dropdown(
                    sorted({c for g in galleries.values() for c in g.cameras()}),
                    multiselect=True,
                    label='Only these cameras',
                )
                topk = gr.Slider(1, 50, value=12, step=1, label='Matches')
                button = gr.Button('Search', variant='primary')
            with gr.Column(scale=3):
                look = dict(format='png', object_fit='contain', allow_preview=False)
                matches = gr.Gallery(label='Matches', columns=6, height=310, **look)
                entries = gr.Gallery(
                    label='Or choose a query', columns=7, height=330, **look
                )
        gr.on([page.load, name.change], show, name, [cameras, entries], api_name=False)
        entries.select(choose, None, query, api_name=False)
        wishes = [name, query, cameras, topk]
        gr.on(
            [button.click, query.change, cameras.change, topk.release],
            search,
            wishes,
            matches,
            api_name='search',
        )
    return page


def crop(entry: Entry) -> np.ndarray:
    """RGB image of an entry; grey if its file is no longer there."""
    try:
        return mmcv.imread(crop_of(entry.path), channel_order='rgb')
    except OSError:
        return np.full((128, 64, 3), 128, np.uint8)


def caption(entry: Entry) -> str:
    known = (entry.person, entry.camera and f'cam {entry.camera}')
    return ' '.join(word for word in known if word)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('gallery', help='a gallery, or a folder of galleries')
    parser.add_argument('config', help='config file, or an ONNX file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen at')
    parser.add_argument(
        '--port', type=int, help='by default the first free one of 7860+'
    )
    args = parser.parse_args()
    try:
        page = build_app(args.gallery, ReIDInferencer(args.config, args.checkpoint))
    except (ImportError, OSError, ValueError) as error:
        parser.exit(2, f'gallery_app.py: {error}\n')
    page.launch(server_name=args.host, server_port=args.port, share=False)


if __name__ == '__main__':
    main()
