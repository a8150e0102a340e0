"""Errors about configured values that name the key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def check_keys(key: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises TypeError, as Python does for arguments, if a key below it is unknown.

    A single value in place of the keys is an error, too.
    """
    known = list(known)
    if not isinstance(given, Iterable):
        raise TypeError(f'`{key}` takes the keys {", ".join(known)}, not {given!r}.')
    for name in given:
        if name not in known:
            raise TypeError(
                f'`{key}` has no key {name!r}; its keys are {", ".join(known)}.'
            )


def check_whole(key: str, value: Any, smallest: int) -> None:
    """Raises ValueError unless ``value`` is an int of at least ``smallest``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise ValueError(
            f'`{key}` must be a whole number of at least {smallest}, but got {value!r}.'
        )


def check_range(key: str, value: Any, smallest: float) -> None:
    """Raises ValueError unless ``value`` is a number of at least ``smallest``."""
    if not isinstance(value, int | float) or not smallest <= value < float('inf'):
        raise ValueError(
            f'`{key}` must be a number of at least {smallest}, but got {value!r}.'
        )


def check_rate(key: str, value: Any) -> None:
    """Raises ValueError unless ``value`` is a number in 0..1."""
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f'`{key}` must be a number in 0..1, but got {value!r}.')
