from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets import ImageTableBuilder
from dynamix.datasets.image_files import (
    _in_natural_order,
    iter_images,
    natural_key,
    require,
)


def test_natural_order() -> None:
    names = ['10', '9', 'a10b2', 'a10b11', 'a9', 'a', 'b', '009', 'A1']
    assert sorted(names, key=natural_key) == [
        '9',
        '009',
        '10',
        'A1',
        'a',
        'a9',
        'a10b2',
        'a10b11',
        'b',
    ]


@settings(max_examples=200, deadline=None)
@given(names=st.lists(st.from_regex(r'[ab]?[0-9]{1,2}_[0-9]{1,2}', fullmatch=True)))
def test_the_short_cut_is_the_natural_order(names) -> None:
    expected = sorted(names, key=lambda name: (natural_key(name), name))
    assert _in_natural_order(names) == expected


def test_finds_images_only_and_watches_every_folder(make_images) -> None:
    root = make_images(
        ['b/2.JPG', 'b/10.jpeg', 'a/x/1.webp', '1.png', '.2.png', 'c.txt', '.d/1.jpg']
    )
    builder = ImageTableBuilder(str(root))
    found = list(iter_images(builder, ''))
    assert found == ['1.png', 'a/x/1.webp', 'b/2.JPG', 'b/10.jpeg']
    assert list(iter_images(builder, 'b')) == ['2.JPG', '10.jpeg']
    table = builder.build()
    for folder in ('', 'a', 'a/x', 'b'):
        assert table.is_current()
        (root / folder / 'new').write_text('')
        assert not table.is_current()
        (root / folder / 'new').unlink()
        make_images([])


def test_a_folder_may_be_called_like_an_image(make_images) -> None:
    root = make_images(['scene.jpg/1.jpg', '2.jpg'])
    (root / '3.jpg').symlink_to(root / '2.jpg')
    builder = ImageTableBuilder(str(root))
    assert list(iter_images(builder, '')) == ['2.jpg', '3.jpg', 'scene.jpg/1.jpg']


def test_says_what_is_missing(tmp_path) -> None:
    require(str(tmp_path), 'x', 'y')
    with pytest.raises(FileNotFoundError, match=r'x: /.*/none is missing\. It should'):
        require(str(tmp_path / 'none'), 'x', 'y')
