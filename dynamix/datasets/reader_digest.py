"""Tells whether what a class once made is out of date."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys


def reader_digest(kind: type, base: type = object) -> str | None:
    """Digest of the files that define a class and those it inherits from.

    Class variables that JSON knows count by themselves, too: a script may set them.

    Args:
        kind (type): The class.
        base (type): This class, and those it inherits from, are left out. Defaults to
            object.

    Returns:
        str | None: 20 hexadecimal digits; None if one has no file, as in a notebook.
    """
    kinds = [one for one in kind.__mro__ if one not in base.__mro__]
    try:
        sources = [inspect.getsource(sys.modules[one.__module__]) for one in kinds]
    except (KeyError, OSError, TypeError):
        return None
    variables = [
        {name: value for name, value in vars(one).items() if name[:2] != '__'}
        for one in kinds
    ]
    text = json.dumps(
        [sources, variables], sort_keys=True, skipkeys=True, default=lambda other: None
    )
    return hashlib.sha256(text.encode()).hexdigest()[:20]
