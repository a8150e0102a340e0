"""The tools that show what a run and its model did, as users run them."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest
from mmengine.config import Config

from .conftest import TOOLS, run

BAD = '<script>window.hacked = 1</script>'
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
CHECK = """<script>
addEventListener('load', () => {
  const images = [...document.images], wrong = images.filter(i => !i.naturalWidth);
  document.title = `${images.length} images, ${wrong.length} wrong, ${window.hacked}`;
  document.body.dataset.width = document.documentElement.scrollWidth;
});
</script></body>"""


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory) -> Path:
    """The work directory of two epochs on a few drawn people."""
    root = tmp_path_factory.mktemp('look')
    cfg = Config.fromfile(TOOLS.parent / 'configs' / 'dynamix_r18_synthetic.py')
    cfg.train_cfg.update(max_epochs=2, val_interval=1)
    cfg.default_hooks.logger.interval = 1
    cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.custom_hooks[1].update(num_workers=0)
    loader = cfg.train_dataloader
    loader.sampler.update(
        multi_camera=dict(identities=2, images=2),
        single_camera=dict(videos=1, identities=4, images=2, window=3),
        iterations=2,
    )
    loader.dataset.multi_camera[0].num_identities = 4
    loader.dataset.single_camera[0].update(num_videos=4, name=f'videos of {BAD}')
    target = dict(cfg.test_dataloader.dataset.targets[0], name=BAD, num_identities=6)
    cfg.test_dataloader.dataset.targets = [target]
    cfg.val_dataloader = cfg.test_dataloader
    for one in (loader, cfg.val_dataloader, cfg.test_dataloader):
        one.num_workers = 0
    cfg.dump(root / 'small.py')
    run('train.py', root / 'small.py', '--work-dir', root / 'run')
    return root / 'run'


@pytest.fixture(scope='module')
def page(work_dir) -> Path:
    out = work_dir / 'new' / 'report.html'
    few = ('--queries', 2, '--videos', 2, '--num-workers', 0)
    run('analysis_tools/report.py', work_dir, '--out', out, *few)
    return out


def browse(page: Path, width: int) -> tuple[str, str]:
    """Title and elements of a page as a browser sees it; fails if it complains."""
    if CHROMIUM is None:
        pytest.skip('there is no Chromium to open the page in')
    copy = page.with_name(f'checked_{page.name}')
    copy.write_text(page.read_text().replace('</body>', CHECK))
    options = ['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr']
    options += [f'--user-data-dir={page.parent / "profile"}', '--v=0']
    options += [f'--window-size={width},900', '--virtual-time-budget=5000']
    done = subprocess.run(
        [CHROMIUM, *options, '--dump-dom', copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert 'CONSOLE' not in done.stderr
    found = re.search(r'<title>(.*?)</title>', done.stdout)
    assert found, done.stderr
    return html.unescape(found[1]), done.stdout


def texts(page: Path) -> dict[str, str]:
    """Each section of a report, by its anchor."""
    found = re.findall(r'<section id="([^"]+)">(.*?)</section>', page.read_text(), re.S)
    return dict(found)


@pytest.mark.slow
def test_report_of_a_run(page):
    sections = texts(page)
    pictures = {name: text.count('<img ') for name, text in sections.items()}
    assert pictures == {
        'data': 0,
        'training': 2,
        'targets': 2,
        'rank-lists': 2,
        'label-quality': 2,
        'relabeling': 2,
        'config': 0,
    }
    name = html.escape(BAD)
    row = f'<td>videos of {name}</td><td>single-camera</td>'
    assert row in sections['data']
    assert f'<td>{name}</td><td>24</td><td>24</td>' in sections['targets']
    assert f'{name}: the 2 worst queries.' in sections['rank-lists']
    assert 'The window of epoch 2' in sections['relabeling']
    assert 'Pairwise precision' in sections['relabeling']
    assert 'max_epochs=2' in sections['config']
    assert '2 of 2' in page.read_text()


@pytest.mark.slow
@pytest.mark.parametrize('width', [1280, 500])
def test_report_in_a_browser(page, width):
    title, elements = browse(page, width)
    assert title == '10 images, 0 wrong, undefined'
    assert int(re.search(r'data-width="(\d+)"', elements)[1]) <= width


@pytest.mark.slow
def test_sections_without_data_say_so(work_dir, tmp_path):
    folder = tmp_path / 'run' / '20260101_000000' / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(json.dumps(dict(step=1, lr=0.1)) + '\n')
    config = next(work_dir.glob('*/vis_data/config.py')).read_text()
    (folder / 'config.py').write_text(config)
    out = tmp_path / 'report.html'
    report = ('analysis_tools/report.py', tmp_path / 'run', '--out', out)
    run(*report)
    sections = texts(out)
    for name, said in {
        'data': 'names no training data',
        'targets': 'was not evaluated',
        'rank-lists': 'has no checkpoint',
        'label-quality': 'No labels were repaired',
        'relabeling': 'has no checkpoint',
    }.items():
        assert said in sections[name]
        assert '<img' not in sections[name]
    assert sections['training'].count('<img') == 1
    checkpoint = ('--checkpoint', work_dir / 'epoch_2.pth', '--queries', 0)
    (folder / 'config.py').write_text(config + '\ncustom_hooks = []\n')
    run(*report, *checkpoint)
    sections = texts(out)
    assert 'not asked for' in sections['rank-lists']
    assert 'kept the labels of the tracker' in sections['relabeling']
    (tmp_path / 'broken.pth').write_bytes(b'PK')
    run(*report, '--checkpoint', tmp_path / 'broken.pth')
    assert 'is cut off' in texts(out)['rank-lists']


def test_bad_input_is_one_line(tmp_path, refusal):
    for words, said in (
        ((tmp_path,), 'is neither a log nor a folder with */vis_data/scalars.json'),
        ((tmp_path, '--out', 'report.txt'), 'expected a file that ends in .html'),
        ((tmp_path, '--queries', -1), '`--queries` must be a whole number'),
    ):
        assert said in refusal('analysis_tools/report.py', *words)
    log = tmp_path / 'vis_data' / 'scalars.json'
    log.parent.mkdir()
    log.write_text('no JSON\n{}\n')
    log.with_name('config.py').touch()
    assert 'is not JSON' in refusal('analysis_tools/report.py', tmp_path)
    said = refusal('analysis_tools/embedding_map.py', 'a.py', 'a.pth', '--out', 'map')
    assert '--out map: expected .html, ' in said


@pytest.mark.slow
def test_embedding_map(work_dir, tmp_path, capsys, refusal):
    given = (work_dir / 'small.py', work_dir / 'epoch_2.pth', '--num-workers', 0)
    out = tmp_path / 'map.png'
    run('analysis_tools/embedding_map.py', *given, '--out', out)
    assert 'wrote 48 points' in capsys.readouterr().out
    assert cv2.imread(str(out)).shape == (750, 2250, 3)
    out = tmp_path / 'map.html'
    few = ('--max-images', 12, '--color', 'camera', 'identity')
    run('analysis_tools/embedding_map.py', *given, '--out', out, *few)
    text = out.read_text()
    assert text.count('<circle') == 2 * 12
    assert f'{html.escape(BAD)} c0' in text
    words = (given[0], tmp_path / 'nothing.pth')
    assert 'nothing.pth' in refusal('analysis_tools/embedding_map.py', *words)
    if CHROMIUM:
        title, _ = browse(out, 1280)
        assert title.endswith('undefined')
