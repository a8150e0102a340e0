from __future__ import annotations

import struct

JPEG_START = b'\xff\xd8'
JPEG_SCAN = b'\xff\xda'
JPEG_END = b'\xff\xd9'
PNG_START = b'\x89PNG\r\n\x1a\n'
PNG_END = b'IEND\xaeB`\x82'
BMP_HEADER = 54


def truncation(data: bytes) -> str | None:
    """Names what is missing of an image file that was cut off.

    Many decoders fill what is missing with grey in silence, so this searches for the
    end that the format prescribes. Bytes after that end are allowed.

    Args:
        data (bytes): Content of a JPEG, PNG or uncompressed BMP file; of other
            formats nothing is known.

    Returns:
        str | None: A reason; None where nothing is missing.

    Examples:
        >>> truncation(b'')
        'the file is empty'
    """
    if not data:
        return 'the file is empty'
    if data.startswith(JPEG_START):
        # A thumbnail in the header has an end of its own; within a scan the end
        # marker cannot occur by chance.
        if data.find(JPEG_END, _first_scan(data)) < 0:
            return f'a JPEG of {len(data)} bytes without its end marker'
    elif data.startswith(PNG_START):
        if data.rfind(PNG_END) < 0:
            return f'a PNG of {len(data)} bytes without its end chunk'
    elif data.startswith(b'BM') and len(data) >= BMP_HEADER:
        expected = _bmp_size(data)
        if len(data) < expected:
            return f'a BMP of {len(data)} bytes, where its header says {expected}'
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


def _bmp_size(data: bytes) -> int:
    (offset,) = struct.unpack_from('<I', data, 10)
    header, width, height, _, bits, compression = struct.unpack_from(
        '<IiiHHI', data, 14
    )
    uncompressed = header >= 40 and compression in (0, 3)
    return offset + (width * bits + 31) // 32 * 4 * abs(height) if uncompressed else 0
