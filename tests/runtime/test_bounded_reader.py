"""Files that are made of far too many pieces, or show their bytes again and again."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss import bounded_reader
from ioebss.bounded_reader import MAX_HEADER_READS, BoundedReader
from ioebss.errors import ImageError
from ioebss.image_files import decode_mask, decode_photo, read_photo

MANY = MAX_HEADER_READS
TOO_MANY = "made of far too many pieces; save it again"


def saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 48), 100).save(buffer, kind)
    return buffer.getvalue()


def inserted(data: bytes, place: int, piece: bytes) -> bytes:
    return data[:place] + piece + data[place:]


def empty_chunk() -> bytes:
    """PNG's section 5.3: length, type, checksum."""
    return struct.pack(">I", 0) + b"prVt" + struct.pack(">I", zlib.crc32(b"prVt"))


def before_the_pixels(kind: str, pieces: int) -> bytes:
    data = saved(kind)
    if kind == "PNG":
        return inserted(data, data.index(b"IDAT") - 4, empty_chunk() * pieces)
    if kind == "JPEG":
        return inserted(data, 2, b"\xff\xfe\0\2" * pieces)
    return inserted(data, data.rindex(b",\0\0\0\0"), b"!\1" + b"\1a" * pieces + b"\0")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_pieces_before_the_pixels(tmp_path: Path, kind: str) -> None:
    assert decode_photo(before_the_pixels(kind, 1000))[0].shape == (48, 64, 3)
    data = before_the_pixels(kind, MANY)
    with pytest.raises(ImageError, match=TOO_MANY):
        decode_photo(data)
    path = tmp_path / "photo"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=rf"photo is {TOO_MANY}"):
        read_photo(path)


def test_pieces_behind_the_pixels() -> None:
    """The decoder looks at them, too."""
    data = saved("PNG")
    end = data.rindex(b"IEND") - 4
    assert decode_photo(inserted(data, end, empty_chunk() * 1000))[0].shape == (48, 64, 3)
    for decode in (decode_photo, decode_mask):
        with pytest.raises(ImageError, match=TOO_MANY):
            decode(inserted(data, end, empty_chunk() * MANY))


def test_pixels_in_many_small_chunks_are_no_attack() -> None:
    """Some encoders write a kilobyte at a time: here 18,000 of them."""
    picture = np.random.default_rng(0).integers(0, 256, (2000, 3000, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=0)
    data = buffer.getvalue()
    start = place = data.index(b"IDAT") - 4
    pixels, chunks = bytearray(), bytearray()
    while data[place + 4 : place + 8] == b"IDAT":
        (length,) = struct.unpack_from(">I", data, place)
        pixels += data[place + 8 : place + 8 + length]
        place += 12 + length
    for first in range(0, len(pixels), 1000):
        body = b"IDAT" + pixels[first : first + 1000]
        chunks += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    decoded = decode_photo(data[:start] + chunks + data[place:])[0]
    np.testing.assert_array_equal(decoded, picture)


def test_bytes_that_are_read_again_and_again() -> None:
    megabyte = bytes(1024 * 1024)
    with BoundedReader(megabyte, "it") as file:
        for _ in range(5):  # four passes, and some room
            file.seek(0)
            assert file.read() == megabyte
        file.seek(0)
        with pytest.raises(ImageError, match=f"it is {TOO_MANY}"):
            file.read()


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(saved("PNG"))
    size = path.stat().st_size
    monkeypatch.setattr(bounded_reader, "MAX_BYTES", size)
    assert read_photo(path).shape == (48, 64, 3)
    monkeypatch.setattr(bounded_reader, "MAX_BYTES", size - 1)
    with pytest.raises(ImageError, match=f"larger than {size - 1} bytes; save the picture alone"):
        read_photo(path)
