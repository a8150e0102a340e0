"""configs/protocols, on folders named as docs/data.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmengine.config import Config

PROTOCOLS = sorted((Path(__file__).parents[2] / 'configs' / 'protocols').glob('*.py'))
PEOPLE = range(1, 11)


def market(root: str, train: str, test: str) -> list[str]:
    return [
        f'{root}/{folder}/{name.format(person + first)}'
        for folder, name, first in (
            ('bounding_box_train', train, 0),
            ('query', train, 100),
            ('bounding_box_test', test, 100),
        )
        for person in PEOPLE
    ]


def msmt17() -> dict[str, list[str]]:
    image = '{0:04d}/{0:04d}_000_{1:02d}_0303morning_0008_0.jpg'
    return {
        f'list_{part}.txt': [image.format(person, camera) for person in people]
        for part, people, camera in (
            ('train', PEOPLE[:8], 1),
            ('val', PEOPLE[8:], 1),
            ('query', PEOPLE, 1),
            ('gallery', PEOPLE, 2),
        )
    }


@pytest.fixture
def data(make_images) -> Path:
    lists = msmt17()
    names = [
        *market(
            'Market-1501', '{:04d}_c1s1_000151_00.jpg', '{:04d}_c2s1_000151_00.jpg'
        ),
        *market('CUHK03-NP/labeled', '{:04d}_c1_1.png', '{:04d}_c2_2.png'),
        *market('CUHK03-NP/detected', '{:04d}_c1_1.png', '{:04d}_c2_2.png'),
        *(f'MSMT17/{name}' for name in lists),
    ]
    for name, images in lists.items():
        folder = 'train' if name in ('list_train.txt', 'list_val.txt') else 'test'
        names += [f'MSMT17/{folder}/{image}' for image in images]
    for i in PEOPLE:
        names += [
            *(f'cuhk02/Dataset/P{i % 5 + 1}/cam{c}/{i:03d}_01.png' for c in (1, 2)),
            f'cuhk_sysu/cropped_images/p{i}_s1_1.jpg',
            *(f'prid_2011/single_shot/cam_{c}/person_{i:04d}.png' for c in 'ab'),
            f'underground_reid/probe/{i:04d}_{i}_1_2_3.jpeg',
            f'underground_reid/gallery/{i:04d}_99_1_2_3.jpeg',
            f'VIPeR/cam_a/{i:03d}_0.bmp',
            f'VIPeR/cam_b/{i:03d}_90.bmp',
            *(f'ilids/i-LIDS_Pedestrian/Persons/{i:04d}00{k}.jpg' for k in (1, 2)),
            *(f'LUPerson-NL/a/b/v{i}/{t:06d}_{t:07d}_01.jpg' for t in (1, 2, 3)),
        ]
    root = make_images(names)
    for name, images in lists.items():
        (root / 'MSMT17' / name).write_text(''.join(f'{x} 0\n' for x in images))
    return root


@pytest.mark.parametrize('file', PROTOCOLS, ids=lambda file: file.stem)
def test_a_protocol_trains_on_no_person_that_it_searches_for(
    check_data,
    file,
    data,
    monkeypatch,
    capsys,
) -> None:
    monkeypatch.chdir(data.parent)
    monkeypatch.setattr('sys.argv', ['check_data.py', str(file)])
    assert check_data.main() == 0, capsys.readouterr().err
    cfg = Config.fromfile(file)
    sources = cfg.train_dataloader.dataset.multi_camera
    targets = cfg.test_dataloader.dataset.targets
    roots = {source.data_root for source in sources}
    assert len(roots) == len(sources)
    assert not roots & {target.data_root for target in targets}
    protocol = int(re.search(r'protocol(\d)', file.stem)[1])
    assert {source.split for source in sources} == {'train' if protocol == 2 else 'all'}
    if protocol == 1:
        assert (len(sources), len(targets)) == (4, 4)
        assert 'MSMT17' not in {source.type for source in sources}
    else:
        assert len(sources) == 3
        boxes = 2 if targets[0].type == 'CUHK03NP' else 1
        assert [target.type for target in targets] == [targets[0].type] * boxes
        assert len({target.data_root for target in targets}) == boxes
    assert cfg.val_dataloader == cfg.test_dataloader
