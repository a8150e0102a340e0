"""Cameras in the paths of labelled crops."""

from __future__ import annotations

import re

from .image_files import PREPARATION

_FOLDER = re.compile(
    r'(?:c|cam(?:era)?[ _-]?)\d+|cam(?:era)?[ _-][a-z]', flags=re.IGNORECASE
)
# The limits of digits keep dates and parts of hexadecimal names from being cameras.
_NAMES = tuple(
    re.compile(pattern, flags=re.IGNORECASE)
    for pattern in (
        # cam1_, Cam-01., camera_2/, camera 3_, cam_a/
        r'(?<![a-z0-9])cam(?:era)?[ _-]?(?P<camera>\d{1,4}|(?<=[ _-])[a-z])(?:s\d+)?'
        r'(?![a-z0-9])',
        # c1_, C01-, c1s1_, c2/
        r'^c(?P<camera>\d{1,6})(?:s\d+)?(?=[ _/-])',
        # 0002_c1s1_000451_03.jpg, 0001_C2_f0046182.jpg
        r'(?<=[ _.-])c(?P<camera>\d{1,2})(?:s\d+)?(?![a-z0-9])',
        # MARS: 0001C1T0001F001.jpg
        r'^\d+c(?P<camera>\d)t\d+f\d+',
    )
)


def person_and_camera(name: str, path: str) -> tuple[str, str | None, str]:
    """Reads ``<person>/...`` or ``<camera>/<person>/...``.

    Returns:
        tuple: Person, camera or None, and how the path spells the camera.

    Raises:
        ValueError: If a camera's folder holds images of no person, or the path names
            several cameras.
    """
    above = ''
    person, _, below = path.partition('/')
    if _FOLDER.fullmatch(person):
        above = f'{person}/'
        person, is_folder, below = below.partition('/')
        if not is_folder:
            raise ValueError(
                f'{name}: the folder {above} of {path} looks like a camera, but there '
                f'is no folder of a person in it: expected {above}anna/000151.jpg. If '
                'it is a person, set '
                r"pattern=r'/(?P<identity>[^/]+)/(?:c(?P<camera>\d+)_)?'; "
                f'{PREPARATION}.'
            )
    found = find_cameras(above + below)
    if len(found) > 1:
        raise ValueError(
            f'{name}: the path {path} names several cameras ({", ".join(found)}). '
            f'Rename it or set `pattern`; {PREPARATION}.'
        )
    return person, *next(iter(found.items()), (None, ''))


def find_cameras(path: str) -> dict[str, str]:
    """Finds the cameras that folders and file of a path name in a usual spelling.

    Returns:
        dict[str, str]: Spelling by camera (digits without leading zeros, or a small
        letter). More than one camera if parts of the path contradict each other.

    Examples:
        >>> find_cameras('monday/c3_000151.jpg'), find_cameras('Cam01/1.jpg')
        ({'3': 'c<n>_'}, {'1': 'Cam<n>/'})
    """
    *folders, file = path.split('/')
    found: dict[str, str] = {}
    for part in [*(f'{folder}/' for folder in folders), file]:
        for pattern in _NAMES:
            match = pattern.search(part)
            if match is not None:
                camera = match['camera'].lower().lstrip('0') or '0'
                found.setdefault(camera, spelling(match))
                break
    return found


def spelling(match: re.Match) -> str:
    """How a name spells the group ``camera``: ``c<n>_``, ``_c<n>s``, ``Cam<n>/``."""
    text, start, end = match.string, *match.span('camera')
    before = re.search(r'[ _.-]?[A-Za-z]*[ _-]?$', text[:start])
    return f'{before[0] if before else ""}<n>{text[end : end + 1]}'


def check_cameras(
    name: str, known: int, unknown: int, example: dict[bool, str], is_test: bool
) -> list[str]:
    """Checks that either all images of a data set have a camera or none.

    Args:
        name (str): Of the data set.
        known (int): Images whose camera is known.
        unknown (int): The others.
        example (dict[bool, str]): Path of an image whose camera is (not) known.
        is_test (bool): Whether it is an evaluation set.

    Returns:
        list[str]: A warning if no camera is known; else nothing.

    Raises:
        ValueError: If the cameras of some images alone are known; names one of each.
    """
    if not unknown:
        return []
    advice = (
        'Name cameras in a usual way (c1_, cam1_, a folder cam1/, ...), by the group '
        '`camera` of `pattern` or the column `camera` of a table; a `pattern` without '
        'it says that they are not known; '
        f'{PREPARATION}.'
    )
    if known:
        raise ValueError(
            f'{name}: {known} images have a camera in their path, such as '
            f'{example[True]!r}, but {unknown} have none, such as {example[False]!r}. '
            + advice
        )
    follows = (
        'no match comes from another camera: set camera_aware=False of ReIDMetric'
        if is_test
        else 'the camera-centroid loss has no centroid of the same identity under '
        'another camera, so it learns nothing from these images'
    )
    return [
        'no path names a camera, so all images count as those of one camera and '
        f'{follows}. {advice}'
    ]
