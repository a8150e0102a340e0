"""Names the version of the code that a run was made by."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def source_digest(package: Path = PACKAGE) -> str:
    """Digest of a package's sources: paths and contents of its ``*.py`` files.

    Read anew at each call, as a grid of runs may outlive an edit of the code.

    Args:
        package (Path): Its folder. Defaults to that of ``dynamix``.

    Returns:
        str: Ten hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted(package.rglob('*.py')):
        source = file.read_bytes()
        name = file.relative_to(package).as_posix()
        digest.update(f'{name}\n{len(source)}\n'.encode() + source)
    return digest.hexdigest()[:10]
