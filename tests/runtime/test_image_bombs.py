"""Pictures that declare little and cost much."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss.errors import ImageError, PhotoSizeError
from ioebss.image_files import decode_mask, decode_photo, read_photo

SHORT, LONG = 3, 4


def jpeg(scans: int, behind: bytes = b"", progressive: bool = True) -> bytes:
    """A grey JPEG whose last scan is repeated until there are so many."""
    buffer = io.BytesIO()
    Image.new("L", (64, 48), 100).save(buffer, "JPEG", progressive=progressive)
    data = buffer.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - data.count(b"\xff\xda")) + b"\xff\xd9" + behind


def tiff(
    *more: tuple[int, int, int],
    tile: tuple[int, int] = (16, 16),
    order: str = "<",
    big: bool = False,
) -> bytes:
    """A grey 16 x 16 TIFF of one compressed tile, zeros; `more` are entries: tag, type, value."""
    pixels = zlib.compress(bytes(tile[0] * tile[1]))
    head = 16 if big else 8
    entries = [(256, LONG, 16), (257, LONG, 16), (258, SHORT, 8), (259, SHORT, 8), (262, SHORT, 1)]
    entries += [(277, SHORT, 1), (322, LONG, tile[0]), (323, LONG, tile[1])]
    entries = sorted([*entries, *more], key=lambda entry: entry[0])
    entries += [(324, LONG, head), (325, LONG, len(pixels))]

    def packed(tag: int, kind: int, value: int) -> bytes:
        field = struct.pack(order + ("H" if kind == SHORT else "I"), value)
        return struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, 1) + field.ljust(
            8 if big else 4, b"\0"
        )

    start = head + len(pixels)
    version = (
        struct.pack(order + "HHHQ", 43, 8, 0, start)
        if big
        else struct.pack(order + "HI", 42, start)
    )
    count = struct.pack(order + ("Q" if big else "H"), len(entries))
    mark = b"II" if order == "<" else b"MM"
    return mark + version + pixels + count + b"".join(packed(*e) for e in entries) + bytes(8)


def test_scans_of_a_jpeg_are_counted(tmp_path: Path) -> None:
    assert decode_photo(jpeg(100))[0].shape == (48, 64, 3)
    for progressive in (True, False):
        with pytest.raises(ImageError, match="more than 100 scans"):
            decode_photo(jpeg(101, progressive=progressive))
    with pytest.raises(ImageError, match="more than 100 scans"):
        decode_mask(jpeg(101))
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(101))
    with pytest.raises(ImageError, match=r"photo\.jpg has more than 100 scans"):
        read_photo(path)


def test_what_only_looks_like_scans_is_not_counted() -> None:
    """Behind the picture, where phones put films, and within a comment."""
    marks = b"\xff\xda" * 1000
    plain = decode_photo(jpeg(10))[0]
    np.testing.assert_array_equal(decode_photo(jpeg(10, behind=marks))[0], plain)
    data = jpeg(10)
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(marks)) + marks
    np.testing.assert_array_equal(decode_photo(data[:2] + comment + data[2:])[0], plain)


def test_a_jpeg_with_more_pictures_behind_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    pictures = [Image.new("RGB", (40, 30), (shade, 0, 0)) for shade in (10, 200)]
    pictures[0].save(buffer, "MPO", save_all=True, append_images=pictures[1:])
    pixels, kind = decode_photo(buffer.getvalue())
    assert kind == "image/jpeg" and pixels.shape == (30, 40, 3) and pixels.max() < 100


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_tiles_of_a_tiff_are_bounded(order: str, big: bool) -> None:
    assert decode_photo(tiff(order=order, big=big), 16 * 4096)[0].shape == (16, 16, 3)
    large = tiff(tile=(256, 256), order=order, big=big)
    assert decode_photo(large, 256 * 256)[0].shape == (16, 16, 3)
    for decode in (decode_photo, decode_mask):
        with pytest.raises(PhotoSizeError, match="tiles of 65536 pixels"):
            decode(large, 256 * 256 - 1)


def test_tiles_that_two_readers_would_see_differently() -> None:
    """The last entry of a tag counts for Pillow, the first for libtiff, which decodes."""
    for more in ((322, LONG, 16), (323, LONG, 16), (322, SHORT, 16)):
        with pytest.raises(ImageError, match="that TIFF does not allow"):
            decode_photo(tiff(more, tile=(4096, 4096)))
    with pytest.raises(ImageError, match="big-endian BigTIFF"):
        decode_photo(b"MM\0+\0\0\0\x08" + tiff(order=">")[8:])
    with pytest.raises(ImageError, match="TileWidth that TIFF does not allow"):
        decode_photo(tiff().replace(struct.pack("<HH", 322, LONG), struct.pack("<HH", 322, 9)))
