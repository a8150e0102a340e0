from __future__ import annotations

import struct

JPEG_START = b'\xff\xd8'
JPEG_SCAN = b'\xff\xda'
JPEG_END = b'\xff\xd9'
PNG_START = b'\x89PNG\r\n\x1a\n'
PNG_END = b'IEND\xaeB`\x82'


def truncation(data: bytes) -> str | None:
    """Names what is missing of an image file that was cut off.

    Many decoders fill what is missing with grey in silence, so this searches for the
    end that the format prescribes. Bytes after that end are allowed.

    Args:
        data (bytes): Content of a JPEG or PNG file; of other formats nothing is
            known.

    Returns:
        str | None: A reason; None where nothing is missing.

    Examples:
        >>> truncation(b'')
        'the file is empty'
    """
    if not data:
        return 'the file is empty'
    # A thumbnail in the header of a JPEG has an end of its own; within a scan the end
    # marker cannot occur by chance.
    if data.startswith(JPEG_START):
        scan = _first_scan(data)
        if not data.endswith(JPEG_END, scan) and data.find(JPEG_END, scan) < 0:
            return f'a JPEG of {len(data)} bytes without its end marker'
    if data.startswith(PNG_START) and data.rfind(PNG_END) < 0:
        return f'a PNG of {len(data)} bytes without its end chunk'
    return None


def _first_scan(data: bytes) -> int:
    """Where the segments of a JPEG's header end; past the data if it is cut off."""
    at = len(JPEG_START)
    while data[at : at + 1] == b'\xff' and data[at : at + 2] != JPEG_SCAN:
        if data[at + 1 : at + 2] == b'\xff':  # any number of them may fill a gap
            at += 1
        elif at + 4 > len(data):
            return len(data)
        else:
            at += 2 + struct.unpack_from('>H', data, at + 2)[0]
    return at
