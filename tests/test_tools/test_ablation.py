from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import stats

from dynamix.experiments import Cell, fingerprint, read_tables, resolve

ROOT = Path(__file__).parents[2]
ROWS = dict(
    plain='# Plain\ngain = 0.0',
    better='# Better\ngain = 2.0\nlabel_f1 = 0.75',
    twin='# Twin of better\ngain = 2.0\nlabel_f1 = 0.75',
    broken="# Broken\ngain = 1.0\nbehaviour = 'fails'",
    shaky="# Shaky\ngain = 2.5\nbehaviour = 'killed once'",
)
BASE = """
base_score = 10.0 if '{{$DYNAMIX_BED:easy}}' == 'hard' else 20.0
train_cfg = dict(max_epochs=2)
data_root = '{{$NOWHERE:here}}'
source = dict(type='SyntheticPedestrians', image_size=(32, 16))
train_dataloader = dict(
    dataset=dict(
        type='MixedDataset',
        multi_camera=[dict(source, num_identities=2)],
        single_camera=[dict(source, split='videos', num_videos=2)],
        labels='truth_in_video',
    )
)
"""


@pytest.fixture
def rows(tmp_path):
    folder = tmp_path / 'rows'
    folder.mkdir()
    for name, text in ROWS.items():
        first, rest = text.split('\n', 1)
        (folder / f'{name}.py').write_text(f'{first}\n{BASE}{rest}\n')
    (folder / 'tables.py').write_text(
        "tables = dict(all=dict(title='All', reference='plain', "
        f'rows={list(ROWS)}), good=dict(title="Good", reference="plain", '
        'rows=["plain", "better"]))'
    )
    return folder


@pytest.fixture
def run(monkeypatch, tmp_path, rows):
    def run(*arguments: object) -> dict:
        words = ['ablation.py', '--out', tmp_path / 'out', '--configs', rows]
        words += ['--train-tool', Path(__file__).parent / 'fake_train.py', *arguments]
        monkeypatch.setattr('sys.argv', list(map(str, words)))
        tool = ROOT / 'tools' / 'analysis_tools' / 'ablation.py'
        runpy.run_path(str(tool), run_name='__main__')
        file = tmp_path / 'out' / 'results_cpu.json'
        if not file.exists():
            return {}
        beds = json.loads(file.read_text())['beds']
        return beds if '--bed' in arguments else beds['synthetic']

    return run


@pytest.fixture
def code(monkeypatch):
    def code(digest: str) -> None:
        monkeypatch.setattr('dynamix.experiments.runs.source_digest', lambda: digest)

    return code


def starts(tmp_path):
    file = tmp_path / 'out' / 'starts'
    return file.read_text().splitlines() if file.exists() else []


def tables(tmp_path):
    return (tmp_path / 'out' / 'results_cpu.md').read_text()


def test_gathers_and_tests(run, tmp_path):
    found = run('--tables', 'good', '--seeds', 4, '--bed', 'easy', 'hard', '--jobs', 2)
    easy = found['easy']
    better = easy['rows']['better']['scores']
    by_seed = [22 + 1.2 * seed for seed in range(4)]
    assert list(better['average']['mAP']['by_seed'].values()) == by_seed
    assert better['average']['mAP']['mean'] == pytest.approx(np.mean(by_seed))
    assert better['average']['mAP']['std'] == pytest.approx(np.std(by_seed, ddof=1))
    assert better['far']['Rank-1']['mean'] == pytest.approx(np.mean(by_seed) + 4)
    test = easy['tables']['good']['rows']['better']
    expected = stats.ttest_rel(by_seed, [20 + seed for seed in range(4)]).pvalue
    assert test['p_t'] == pytest.approx(expected)
    assert test['p_sign_flip'] == 2 / 16
    hard = found['hard']['rows']['plain']['scores']['average']
    assert hard['mAP']['mean'] == 11.5
    assert easy['rows']['better']['label_f1']['mean'] == 0.75
    # Nothing was relabelled: the F1 is that of the data's own labels, here the truth.
    assert easy['rows']['plain']['label_f1']['mean'] == 1.0
    text = tables(tmp_path)
    assert '| Better | 23.8 ± 1.5 | 28.8 ± 1.5 | +2.3 ± 0.3 | < 0.001 | 0.125 |' in text
    assert '| Plain | 21.5 ± 1.3 | 26.5 ± 1.3 | reference |' in text
    assert '| Better | 24.8 / 29.8 | 22.8 / 27.8 |' in text
    picture = cv2.imread(str(tmp_path / 'out' / 'results_cpu.png'))
    assert picture is not None
    options = ('--reference', 'better', '--gather-only', '--bed', 'easy')
    table = run('--tables', 'good', '--seeds', 4, *options)['easy']['tables']['good']
    assert table['reference'] == 'better'
    assert table['rows']['plain']['difference'] == pytest.approx(-2.3)


def test_skips_what_is_done(run, tmp_path):
    run('--tables', 'good', '--seeds', 1, '--bed', 'easy')
    run('--tables', 'good', '--seeds', 2, '--bed', 'easy')
    expected = [f'{row} easy {seed}' for seed in (0, 1) for row in ('plain', 'better')]
    assert starts(tmp_path) == expected
    assert not list((tmp_path / 'out').glob('**/*.pth'))


def test_settings_that_changed_make_another_run(run, rows, tmp_path):
    run('--tables', 'good', '--seeds', 1)
    file = rows / 'better.py'
    file.write_text(file.read_text().replace('gain = 2.0', 'gain = 4.0'))
    found = run('--tables', 'good', '--seeds', 1, '--gather-only')
    assert found['rows']['better']['missing'] == 'not run'
    run('--tables', 'good', '--seeds', 1)
    trained = [line.split()[0] for line in starts(tmp_path)]
    assert trained == ['plain', 'better', 'better']
    assert len(list((tmp_path / 'out').glob('**/result.json'))) == 3


def test_results_tell_what_code_made_them(run, code, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(
        'dynamix.experiments.runs.print_log', lambda text, **_: told.append(text)
    )
    code('aaa')
    run('--tables', 'good', '--seeds', 2)
    assert 'other code' not in ''.join(told)
    for file in (tmp_path / 'out').glob('**/better-*/seed0/result.json'):
        result = json.loads(file.read_text())
        assert result.pop('code') == 'aaa'
        file.write_text(json.dumps(result))
    code('bbb')
    found = run('--seeds', 3, '--rows', 'plain', 'better', 'twin')
    assert len(starts(tmp_path)) == 6
    said = 'than the present bbb made them: code aaa: 3 runs; code unknown: 1 run.'
    assert said in ''.join(told)
    by_seed = {'0': 'unknown', '1': 'aaa', '2': 'bbb'}
    assert found['rows']['better']['code'] == by_seed
    # The twin's runs are those of `better`, counted once.
    made = {'aaa': 3, 'bbb': 2, 'unknown': 1}
    assert [table['code'] for table in found['tables'].values()] == [made, made]
    said = 'Code aaa: 3 runs; code bbb: 2 runs; code unknown: 1 run.'
    assert tables(tmp_path).count(said) == 2


def test_where_the_data_lie_is_no_setting(rows, monkeypatch):
    cell = Cell(rows / 'plain.py', 'plain', 'easy', 'cpu', 0)
    here = fingerprint(resolve(cell))
    monkeypatch.setenv('NOWHERE', 'there')
    assert fingerprint(resolve(cell)) == here
    longer = replace(cell, options=('train_cfg.max_epochs=3',))
    assert fingerprint(resolve(longer)) != here


def test_rows_with_equal_settings_share_their_runs(run, tmp_path):
    found = run('--rows', 'better', 'twin', '--seeds', 1)
    assert starts(tmp_path) == ['better synthetic 0']
    twin = found['rows']['twin']
    assert twin['same_as'] == 'better'
    assert twin['scores']['average']['mAP']['mean'] == 22


def test_what_was_not_run_says_so(run, tmp_path):
    found = run('--gather-only', '--seeds', 2, '--tables', 'all')
    assert starts(tmp_path) == []
    assert {row['missing'] for row in found['rows'].values()} == {'not run'}
    assert tables(tmp_path).count('| not run |') == len(ROWS)
    run('--rows', 'plain', '--seeds', 2)
    run('--gather-only', '--seeds', 3)
    text = tables(tmp_path)
    assert '| 2 (1 not run) |' in text
    assert 'no common seed' not in text


def test_a_failure_names_its_log_and_stops_no_other_run(run, tmp_path):
    with pytest.raises(SystemExit, match='learning rate is a banana') as error:
        run('--rows', 'broken', 'plain', '--seeds', 1)
    log = next((tmp_path / 'out').glob('**/broken-*/seed0/train.log'))
    assert str(log) in str(error.value)
    assert 'exit status 3' in str(error.value)
    text = tables(tmp_path)
    assert '| Broken | 1 failed |' in text
    assert '| Plain | 20.0 |' in text
    found = run('--gather-only', '--seeds', 1)
    assert found['rows']['broken']['logs'] == {'0': str(log)}


def test_goes_on_from_the_checkpoint_of_a_killed_run(run, code, tmp_path):
    code('aaa')
    with pytest.raises(SystemExit):
        run('--rows', 'shaky', '--seeds', 1)
    code('bbb')
    found = run('--rows', 'shaky', '--seeds', 1)
    shaky = found['rows']['shaky']
    assert shaky['scores']['average']['mAP']['mean'] == 22.5
    assert shaky['seconds']['mean'] is None
    assert shaky['code'] == {'0': 'aaa+bbb'}
    log = next((tmp_path / 'out').glob('**/train.log')).read_text()
    assert re.findall('resumes: (.*)', log) == ['False', 'True']


def test_a_run_without_a_result_has_failed(run, rows, tmp_path):
    file = rows / 'plain.py'
    file.write_text(file.read_text() + "behaviour = 'says nothing'\n")
    with pytest.raises(SystemExit, match=r'no `average/mAP` of epoch .*its last'):
        run('--rows', 'plain', '--seeds', 1)


def test_shards_are_disjoint_and_complete(run, tmp_path):
    for part in (1, 2, 3):
        assert run('--tables', 'good', '--seeds', 2, '--shard', f'{part}/3') == {}
    assert len(starts(tmp_path)) == len(set(starts(tmp_path))) == 4


def test_options_reach_every_run(run, tmp_path):
    found = run('--tables', 'good', '--seeds', 1, '--cfg-options', 'train_cfg.x=[1,2]')
    assert found['rows']['plain']['missing'] is None
    logs = [*(tmp_path / 'out').glob('**/train.log')]
    assert len(logs) == 2
    assert all("options: ['train_cfg.x=[1,2]']" in log.read_text() for log in logs)


def test_an_option_that_nobody_reads_is_refused(run, tmp_path):
    with pytest.raises(ValueError, match="nearest they have is 'train_cfg'"):
        run('--tables', 'good', '--cfg-options', 'train_cgf.max_epochs=1')
    assert starts(tmp_path) == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--tables', 'none'], "no table 'none' but all, good"),
        (['--reference', 'none'], "there is no row 'none'"),
        (['--tables', 'good', '--rows', 'twin'], 'in none of the tables'),
    ],
)
def test_what_does_not_exist_is_named(run, arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(*arguments)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--seeds', 0], "--seeds: '0' is no whole number from 1 on"),
        (['--jobs', 'two'], "--jobs: 'two' is no whole number"),
        (['--shard', '3/2'], "--shard: .*1 <= i <= n, but got '3/2'"),
        (['--bed', 'real'], "--bed: there is no 'real' but real-crops, "),
    ],
)
def test_wrong_words_name_their_option(run, capsys, words, message):
    rows_of_the_project = ['--configs', ROOT / 'configs' / 'ablation']
    with pytest.raises(SystemExit):
        run(*words, *rows_of_the_project)
    assert re.search(message, capsys.readouterr().err)


def test_a_table_that_names_a_row_without_config(rows):
    (rows / 'twin.py').unlink()
    with pytest.raises(FileNotFoundError, match=r"names the row 'twin', .*twin\.py"):
        read_tables(rows)
