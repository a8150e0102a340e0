"""Errors about configured numbers that name the key."""

from __future__ import annotations

from typing import Any


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
