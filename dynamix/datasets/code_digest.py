"""A digest of what a class does: tells whether what it once made is out of date."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, partial, partialmethod
from pathlib import PurePath
from types import CodeType, EllipsisType, FunctionType, MappingProxyType, NoneType
from typing import Any

import numpy as np

_PLAIN = (str, bytes, int, float, complex, NoneType, EllipsisType, range, PurePath)
_HOLDERS = (
    *(property, classmethod, staticmethod),
    *(cached_property, partial, partialmethod),
)
_HELD = ('fget', 'fset', 'fdel', '__func__', 'func', 'args', 'keywords')


def class_digest(kind: type, base: type = object) -> str:
    """Digest of the code and the variables of a class.

    Covers the class, those it inherits from, and the functions and constants of their
    own modules that their code names; not what they take from other modules. Compiled
    code is looked at and no file: a class of a notebook has none, and a file may have
    been edited since it was imported. So comments do not count, and another version
    of Python does. Ours.

    Args:
        kind (type): The class.
        base (type): This class, and those it inherits from, are left out. Defaults to
            object.

    Returns:
        str: 20 hexadecimal digits, the same in every process.
    """
    seen: set[int] = set()
    found = [
        [f'{one.__module__}.{one.__qualname__}', _of_class(one, seen)]
        for one in kind.__mro__
        if one not in base.__mro__
    ]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:20]


def _of_class(kind: type, seen: set[int]) -> Any:
    variables = {
        name: value
        for name, value in vars(kind).items()
        # Special names that are no methods are made by Python, and differ by version.
        if isinstance(value, FunctionType) or not re.fullmatch('__.*__|_abc_impl', name)
    }
    return _describe(variables, seen)


def _describe(value: Any, seen: set[int]) -> Any:
    """A value in JSON types, by content; ``seen``: functions described already."""

    def all_of(values: Any) -> list[Any]:
        return [_describe(each, seen) for each in values]

    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, CodeType):
        names = [value.co_names, value.co_varnames, value.co_freevars]
        return [value.co_code.hex(), names, all_of(value.co_consts)]
    if isinstance(value, FunctionType):
        return _of_function(value, seen)
    if isinstance(value, _HOLDERS):
        return all_of(getattr(value, name, None) for name in _HELD)
    if isinstance(value, dict | MappingProxyType):
        return sorted([repr(key), _describe(value[key], seen)] for key in value)
    if isinstance(value, set | frozenset):
        return sorted(map(json.dumps, all_of(value)))
    if isinstance(value, list | tuple):
        return all_of(value)
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.tolist()]
    if isinstance(value, re.Pattern):
        return [repr(value.pattern), value.flags]
    if is_dataclass(value) and not isinstance(value, type):
        return all_of(getattr(value, field.name) for field in fields(value))
    kind = value if isinstance(value, type) else type(value)
    return f'{kind.__module__}.{kind.__qualname__}'


def _of_function(function: FunctionType, seen: set[int]) -> Any:
    if id(function) in seen:
        return function.__qualname__
    seen.add(id(function))
    own = [
        _describe(part, seen)
        for part in (function.__code__, function.__defaults__, function.__kwdefaults__)
    ]
    around = []
    for cell in function.__closure__ or ():
        try:
            around.append(_describe(cell.cell_contents, seen))
        except ValueError:
            around.append('empty')
    named = []
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        elsewhere = getattr(value, '__module__', None) != function.__module__
        if not (isinstance(value, FunctionType) and elsewhere):
            named.append([name, _describe(value, seen)])
    return [own, around, named]


def _names(code: CodeType) -> set[str]:
    """All names that a function's code and that of functions within it uses."""
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return {*code.co_names}.union(*map(_names, inner))
