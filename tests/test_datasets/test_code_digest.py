from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import ModuleType

import pytest
from torch.utils.data import Dataset

from dynamix import datasets
from dynamix.datasets import code_digest
from dynamix.datasets.code_digest import class_digest

BEFORE = """
import enum, functools, re
from dataclasses import dataclass
from re import escape

DIGITS = re.compile('[0-9]+')
LIMIT = 7

class Side(enum.Enum):
    LEFT = 1

@dataclass
class Rule:
    share: float

def number(text):
    return int(DIGITS.search(text)[0])

def counted(function):
    @functools.wraps(function)
    def run(*args):
        return function(*args)
    return run

class Base:
    JUNK = (-1,)
    NAMES = {'a': 'x', 'b': ['y']}
    KINDS = {'left', 'right'}
    SIDE = Side.LEFT
    RULE = Rule(0.5)

    def label(self, text):
        return number(text)

class Reader(Base):
    FOLDER = 'train'

    @property
    def size(self):
        return 1

    @staticmethod
    def side():
        return 2

    @functools.cached_property
    def cached(self):
        return 3

    @counted
    def images(self, folder='here'):
        yield from (name for name in folder if name in {'p', 'q', 'r'} and LIMIT > 6)
"""


def digest(source: str, name: str = 'user') -> str:
    module = ModuleType(name)
    vars(module).update(__name__=name)
    # dataclasses look their module up
    sys.modules[name] = module
    exec(source, vars(module))
    return class_digest(module.Reader)


@pytest.mark.parametrize(
    ('before', 'after'),
    [
        ("FOLDER = 'train'", "FOLDER = 'gallery'"),
        ('JUNK = (-1,)', 'JUNK = (-1, 0)'),
        ("'b': ['y']", "'b': ['z']"),
        ("{'left', 'right'}", "{'left', 'up'}"),
        ('SIDE = Side.LEFT', 'SIDE = None'),
        ('Rule(0.5)', 'Rule(0.25)'),
        ('return number(text)', 'return number(text) + 1'),
        ('int(DIGITS', 'float(DIGITS'),
        ('[0-9]+', '[1-9]+'),
        ('LIMIT = 7', 'LIMIT = 8'),
        ('return 1', 'return 4'),
        ('return 2', 'return 4'),
        ('return 3', 'return 4'),
        ("folder='here'", "folder='there'"),
        ("{'p', 'q', 'r'}", "{'p', 'q'}"),
        ('return function(*args)', 'return function(*args[:1])'),
        ('class Reader(Base):', 'class Reader(Base):\n    JUNK = ()'),
        ("FOLDER = 'train'", "FOLDER = 'train'\n    def label(self, text): return 0"),
    ],
)
def test_what_changes_a_class_changes_its_digest(before, after) -> None:
    assert before in BEFORE
    changed = BEFORE.replace(before, after)
    assert digest(changed) != digest(BEFORE)
    assert digest(changed) == digest(changed)


def test_comments_and_what_is_not_used_change_nothing() -> None:
    for addition in ('# a comment\n', 'OTHER = 3\n', 'def other(): pass\n'):
        assert digest(addition + BEFORE) == digest(BEFORE)
    assert digest(BEFORE, name='user2') != digest(BEFORE)


def test_a_base_is_left_out() -> None:
    def declare(value: int) -> tuple[type, type]:
        class Base:
            VALUE = value

        class Reader(Base):
            pass

        return Base, Reader

    (base, first), (other_base, second) = declare(1), declare(2)
    assert class_digest(first) != class_digest(second)
    assert class_digest(first, base) == class_digest(second, other_base)


def test_all_processes_agree(tmp_path) -> None:
    (tmp_path / 'user.py').write_text(BEFORE)
    # The file alone: importing the package takes seconds.
    shutil.copy(code_digest.__file__, tmp_path)
    command = 'import user, code_digest; print(code_digest.class_digest(user.Reader))'
    printed = {
        subprocess.run(
            [sys.executable, '-c', command],
            cwd=tmp_path,
            env=dict(os.environ, PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ('1', '2', '3')
    }
    assert printed == {digest(BEFORE)}


def test_each_reader_has_its_own() -> None:
    kinds = [getattr(datasets, name) for name in datasets.__all__]
    readers = [kind for kind in kinds if issubclass_of_reader(kind)]
    digests = {class_digest(kind, base=Dataset) for kind in readers}
    assert len(digests) == len(readers) > 14


def issubclass_of_reader(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, datasets.ReIDDataset)
