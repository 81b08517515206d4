"""Pictures that declare little and cost much: what Pillow's bound on pixels does not see.

A JPEG may send the same pixels in any number of scans (ITU T.81, progressive and sequential mode),
each of which costs a pass over the whole picture: 70 bytes for 40 milliseconds. A tile of a TIFF
(TIFF 6.0, section 15) may be larger than the picture, and is decoded whole.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import IO

from PIL import Image

from ioebss.errors import ImageError, PhotoSizeError

MAX_SCANS = 100  # encoders make 3 to 20; libtiff has the same bound for JPEG inside of TIFF
MAX_ENTRIES = 65535  # of a TIFF's directory
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_ALONE = frozenset({0x01, 0xD8, _END_OF_IMAGE})  # markers without a length
# Within a scan 0xFF is followed by 0 or by a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_TILE_SIDES = {322: "TileWidth", 323: "TileLength"}
_SHORT, _LONG = 3, 4
_BIG, _BIG_REVERSED = b"II+\0", b"MM\0+"  # how a BigTIFF begins


def refuse_bomb(image: Image.Image, name: str, max_pixels: int) -> None:
    """Refuses an opened picture, not yet decoded, that would cost more than its size says.

    Args:
        image: from `Image.open`.
        name: for messages.
        max_pixels: that may be decoded at a time.

    Raises:
        ImageError: too many scans, or tiles that are not as the format has them.
        PhotoSizeError: its tiles are too large.
    """
    if image.format not in ("JPEG", "MPO", "TIFF"):
        return
    file: IO[bytes] = image.fp  # type: ignore[attr-defined]  # of Pillow's ImageFile
    place = file.tell()
    try:
        file.seek(0)
        if image.format == "TIFF":
            _check_tiles(file, image.tag_v2.offset, name, max_pixels)  # type: ignore[attr-defined]
        else:
            _check_scans(file.read(), name)
    finally:
        file.seek(place)


def _check_scans(data: bytes, name: str) -> None:
    """Follows the markers of the first picture, as decoders do; what comes after it may be
    anything."""
    place = scans = 0
    while (found := _MARKER.search(data, place)) and data[found.end() - 1] != _END_OF_IMAGE:
        kind, place = data[found.end() - 1], found.end()
        if kind not in _ALONE:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
        scans += kind == _START_OF_SCAN
        if scans > MAX_SCANS:
            raise ImageError(f"{name} has more than {MAX_SCANS} scans; save it again")


def _check_tiles(file: IO[bytes], directory: int, name: str, max_pixels: int) -> None:
    """Looks at the directory itself: decoders do not agree on which of two entries counts."""
    head = file.read(4)
    if head == _BIG_REVERSED:  # which Pillow takes for a classic TIFF, and libtiff does not
        raise ImageError(f"{name} is a big-endian BigTIFF; save it as a TIFF")
    sides: dict[int, int] = {}
    for tag, kind, count, side in _entries(file, directory, head):
        if tag not in _TILE_SIDES:
            continue
        if tag in sides or kind not in (_SHORT, _LONG) or count != 1:
            raise ImageError(f"{name} has a {_TILE_SIDES[tag]} that TIFF does not allow")
        sides[tag] = side
    pixels = math.prod(sides.values())
    if pixels > max_pixels:
        raise PhotoSizeError(f"{name} has tiles of {pixels} pixels, more than {max_pixels}")


def _entries(file: IO[bytes], directory: int, head: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, number of values and first value of the entries of a TIFF's directory."""
    order = "<" if head[:2] == b"II" else ">"
    size, entry = (8, f"{order}HHQ8s") if head == _BIG else (2, f"{order}HHI4s")
    file.seek(directory)
    entries = int.from_bytes(file.read(size), "little" if order == "<" else "big")
    width = struct.calcsize(entry)
    table = file.read(min(entries, MAX_ENTRIES) * width)
    for tag, kind, count, value in struct.iter_unpack(entry, table[: len(table) // width * width]):
        (first,) = struct.unpack_from(f"{order}H" if kind == _SHORT else f"{order}I", value)
        yield tag, kind, count, first
