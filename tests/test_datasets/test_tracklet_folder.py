from __future__ import annotations

import re
from pathlib import Path

import pytest

from dynamix.datasets import MARS, LUPersonNL, TrackletFolder


def rows(dataset: TrackletFolder) -> list[tuple]:
    dataset.full_init()
    table = dataset.table
    return [
        (
            str(Path(table.path(i)).relative_to(dataset.data_root)),
            int(table.identity[i]),
            int(table.video[i]),
            int(table.frame[i]),
        )
        for i in range(len(table))
    ]


DOCS = Path(__file__).parents[2] / 'docs' / 'data.md'
OPTIONAL = r'/(?P<video>v)/(?:(?P<tracklet>t)/)?(?P<frame>\d)'
NAMES = [
    'v10/t1/2.jpg',
    'v10/t1/10.jpg',
    'v2/t2/frame_9b.jpg',
    'v2/t2/frame_10a.jpg',
    'v2/t1/0001.jpg',
    'site/v2/t1/7.jpg',
]


def test_rows_are_ordered_by_video_tracklet_and_time(make_images) -> None:
    dataset = TrackletFolder(make_images(NAMES))
    assert rows(dataset) == [
        ('site/v2/t1/7.jpg', 0, 0, -1),
        ('v2/t1/0001.jpg', 1, 1, -1),
        ('v2/t2/frame_9b.jpg', 2, 1, -1),
        ('v2/t2/frame_10a.jpg', 2, 1, -1),
        ('v10/t1/2.jpg', 3, 2, -1),
        ('v10/t1/10.jpg', 3, 2, -1),
    ]
    assert dataset.kind == 'single_camera'
    assert dataset.truth is None


def test_frames_prove_nothing_unless_the_user_says_so(make_images) -> None:
    root = make_images(NAMES)
    clock = TrackletFolder(root, frames_are_clock=True)
    assert [row[3] for row in rows(clock)] == [7, 1, 9, 10, 2, 10]
    (root / 'v2/t1/unknown.jpg').write_bytes(b'')
    (root / 'site/v2/t1/1705312345678.jpg').write_bytes(b'')
    assert len(TrackletFolder(root)) == 8
    for name in (
        r"'1705312345678', the frame of site/v2",
        r"'unknown', the frame of v2",
    ):
        with pytest.raises(ValueError, match=f'{name}.* has no number from 0 to'):
            TrackletFolder(root, frames_are_clock=True).full_init()
        (root / 'site/v2/t1/1705312345678.jpg').unlink(missing_ok=True)


def test_with_a_clock_time_is_its_order(make_images) -> None:
    dataset = TrackletFolder(
        make_images(['v/t/a_20.jpg', 'v/t/b_3.jpg']), frames_are_clock=True
    )
    assert [row[3] for row in rows(dataset)] == [3, 20]


def test_truth_is_read_from_a_table(make_images) -> None:
    root = make_images(NAMES)
    truth = root / 'truth.csv'
    truth.write_text(
        'video,tracklet,person\nv2,t1,zoe\nv2,t2,abe\nv10,t1,zoe\nv11,t1,abe\n'
    )
    dataset = TrackletFolder(root, truth='truth.csv')
    dataset.full_init()
    assert dataset.truth.tolist() == [-1, 1, 0, 0, 1, 1]
    truth.write_text('video,tracklet,person\nv7,t1,zoe\n')
    with pytest.raises(ValueError, match='names no tracklet that is there'):
        TrackletFolder(root, truth='truth.csv').full_init()
    truth.write_text('video,person\n')
    with pytest.raises(ValueError, match=r"\['tracklet'\] are missing"):
        TrackletFolder(root, truth='truth.csv').full_init()
    with pytest.raises(FileNotFoundError, match=r'none\.csv is missing'):
        TrackletFolder(root, truth='none.csv').full_init()


@pytest.mark.parametrize(
    'text',
    [
        'video,tracklet,person\nv2,t1,zoe\nv2,t2,\n',
        'video,tracklet,person\nv2,t1,zoe\nv2,t2\n',
        '\ufeffvideo,tracklet,person\nv2,t1,zoe\n',
        'video,tracklet,person\nv2,t1,zo\udceb\nvid\udce9o,t1,zo\udceb\n',  # Latin-1
    ],
)
def test_people_of_other_tracklets_are_unknown(make_images, text) -> None:
    root = make_images(NAMES)
    (root / 'truth.csv').write_text(text, errors='surrogateescape', encoding='utf-8')
    dataset = TrackletFolder(root, truth='truth.csv')
    dataset.full_init()
    assert dataset.truth.tolist() == [-1, 0, -1, -1, -1, -1]


def test_a_person_that_the_name_leaves_out_is_unknown(make_images) -> None:
    dataset = TrackletFolder(
        make_images(['v/t1/p5_1.jpg', 'v/t2/1.jpg']),
        pattern=r'/(?P<video>v)/(?P<tracklet>..)/(?:p(?P<person>5)_)?(?P<frame>1)',
    )
    dataset.full_init()
    assert dataset.truth.tolist() == [0, -1]


def test_images_without_tracklets_are_read_as_the_documentation_says(
    make_images,
) -> None:
    (pattern,) = re.findall(r"pattern=r'(.*<tracklet>\(.*)'\)", DOCS.read_text())
    names = ['hall/1.jpg', 'site/door.1/2.x.jpg', 'site/door.1/3.jpg']
    dataset = TrackletFolder(make_images(names), pattern=pattern)
    assert [row[:3] for row in rows(dataset)] == [
        (name, i, min(i, 1)) for i, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ('names', 'options', 'error', 'message'),
    [
        ([], dict(folder='videos'), FileNotFoundError, 'data/videos is missing'),
        ([], {}, ValueError, 'there is no image in .*video_01/tracklet_0007'),
        (['v/1.jpg', 'v/t/1.jpg'], {}, ValueError, "1 of 2 .* first is 'v/1.jpg'"),
        ([], dict(pattern='(?P<video>x)'), ValueError, r"\['frame', 'tracklet'\]"),
        (['v/t/1.jpg', 'v/1.jpg'], dict(pattern=OPTIONAL), ValueError, "is 'v/1.jpg'"),
    ],
)
def test_says_what_is_wrong(make_images, names, options, error, message) -> None:
    root = make_images(names)
    with pytest.raises(error, match=message):
        TrackletFolder(root, **options).full_init()


def test_mars_its_cameras_are_videos(make_images) -> None:
    root = make_images(
        f'bbox_train/{name}.jpg'
        for name in (
            '0001/0001C1T0001F001',
            '0001/0001C1T0001F002',
            '0001/0001C2T0001F001',
            '0003/0003C1T0001F001',
            '0003/0003C1T0002F001',
            '00-1/00-1C2T0001F001',
            '0000/0000C2T0001F001',
        )
    )
    dataset = MARS(root)
    found = rows(dataset)
    assert [row[2] for row in found] == sorted(row[2] for row in found)
    assert len({row[1] for row in found}) == 6
    truth = {
        Path(path).name[:4]: person
        for (path, *_), person in zip(found, dataset.truth.tolist())
    }
    assert truth == {'0001': 0, '0003': 1, '00-1': -1, '0000': -1}
    assert {row[3] for row in found} == {-1}, 'frames count within the tracklet'


def test_luperson_nl_its_frames_are_the_videos(make_images) -> None:
    dataset = LUPersonNL(
        make_images(
            f'{name}.jpg'
            for name in (
                'Italy/Rome/a/000001_0000012_00',
                'Italy/Rome/a/000001_0000009_01',
                'Italy/Rome/a/000002_0000012_01',
                'Italy/Oslo/a/000001_0000012_01',
            )
        )
    )
    assert [row[1:] for row in rows(dataset)] == [
        (0, 0, 12),
        (1, 1, 9),
        (1, 1, 12),
        (2, 1, 12),
    ]
