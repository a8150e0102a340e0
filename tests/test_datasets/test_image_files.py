from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.datasets import ImageTableBuilder, LabelledFolder, TrackletFolder
from dynamix.datasets.image_files import (
    _in_natural_order,
    iter_images,
    natural_key,
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


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 120))))
def test_the_short_cut_is_the_natural_order(parts) -> None:
    names = [f'a{one:02d}_{two}' if wide else f'{one}' for one, wide, two in parts]
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
    (root / '4.jpg').symlink_to(root / 'scene.jpg')
    builder = ImageTableBuilder(str(root))
    assert list(iter_images(builder, '')) == [
        *('2.jpg', '3.jpg', '4.jpg/1.jpg', 'scene.jpg/1.jpg')
    ]


def test_folders_of_network_drives_and_links_to_above_are_passed_over(
    make_images,
) -> None:
    root = make_images(
        f'a/{folder}1.jpg'
        for folder in ('', '@eaDir/', '.ipynb_checkpoints/', '__MACOSX/', '#recycle/')
    )
    (root / 'a' / 'loop').symlink_to(root)
    (root / 'b').symlink_to(root / 'a')
    builder = ImageTableBuilder(str(root))
    assert list(iter_images(builder, '')) == ['a/1.jpg', 'b/1.jpg']


def test_what_is_left_out_is_counted_and_said_in_each_run(make_images, logged) -> None:
    names = ['1.jpg', '2.TIF', '3.avif', '4.heic', '5.HEIC', 'notes.txt', 'LICENSE']
    root = make_images(f'train/anna/c1_{name}' for name in names)
    for _ in ('read', 'reopened'):
        logged.clear()
        assert len(LabelledFolder(str(root))) == 3
        (line,) = (line for line in logged if '.heic' in line)
        assert '(no images by their suffix: 2 .heic, 1 without suffix)' in line


@pytest.mark.parametrize('reader', [LabelledFolder, TrackletFolder])
def test_a_folder_of_other_files_says_which(make_images, reader) -> None:
    root = make_images(['train/anna/c1_1.heic'])
    with pytest.raises(ValueError, match=r'no image in .*suffix: 1 \.heic\)'):
        reader(str(root)).full_init()
