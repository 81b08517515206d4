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


def chunk(kind: bytes, body: bytes) -> bytes:
    """PNG's section 5.3: length, type, content, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


EMPTY = chunk(b"prVt", b"")


def before_the_pixels(kind: str, pieces: int) -> bytes:
    data = saved(kind)
    if kind == "PNG":
        return inserted(data, data.index(b"IDAT") - 4, EMPTY * pieces)
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
    assert decode_photo(inserted(data, end, EMPTY * 1000))[0].shape == (48, 64, 3)
    for decode in (decode_photo, decode_mask):
        with pytest.raises(ImageError, match=TOO_MANY):
            decode(inserted(data, end, EMPTY * MANY))


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
        chunks += chunk(b"IDAT", pixels[first : first + 1000])
    decoded = decode_photo(data[:start] + chunks + data[place:])[0]
    np.testing.assert_array_equal(decoded, picture)


def test_pixels_in_a_chunk_for_each_row_are_no_attack() -> None:
    """As an encoder writes them that is told to flush after every row."""
    mask = np.zeros((10_000, 60), np.uint8)
    mask[2000:7000, 20:40] = 255
    packer = zlib.compressobj()
    rows = (
        packer.compress(b"\0" + row.tobytes()) + packer.flush(zlib.Z_SYNC_FLUSH) for row in mask
    )
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60, 10_000, 8, 0, 0, 0, 0))
    data += b"".join(chunk(b"IDAT", row) for row in rows)
    data += chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode_mask(data), mask > 0)


def strips(rows: list[bytes], width: int) -> bytes:
    """A TIFF (TIFF 6.0, sections 2 and 6) of RGB rows, each a strip; equal rows are stored once."""
    stored = b"".join(dict.fromkeys(rows))
    places = [8 + stored.index(row) for row in rows]
    tables = 8 + len(stored)
    bits, starts, lengths = tables, tables + 6, tables + 6 + 4 * len(rows)
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, len(rows)),
        (258, 3, 3, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, len(rows), starts),
        (277, 3, 1, 3),
        (278, 4, 1, 1),
        (279, 4, len(rows), lengths),
    ]
    words = struct.pack("<3H", 8, 8, 8)
    words += struct.pack(f"<{2 * len(rows)}I", *places, *(len(row) for row in rows))
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    begin = struct.pack("<2sHI", b"II", 42, tables + len(words))
    return begin + stored + words + struct.pack("<H", len(entries)) + directory + bytes(4)


@pytest.mark.parametrize("blank", [0, 200])
def test_pixels_in_a_strip_for_each_row_are_no_attack(blank: int) -> None:
    """Pillow reads 64 KiB for a strip that lies where the next one does; older Pillows do so for
    every one. Here that would be 20 times the file."""
    picture = np.random.default_rng(0).integers(0, 256, (400, 1000, 3), np.uint8)
    picture[:blank] = 200
    data = strips([row.tobytes() for row in picture], 1000)
    np.testing.assert_array_equal(decode_photo(data)[0], picture)


def in_runs(runs: bytes, width: int, height: int) -> bytes:
    """A grey BMP of 8 bits whose pixels are the runs (BI_RLE8): count, value; 0, 0 ends a row."""
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 2835, 2835, 256, 0)
    place = 14 + len(header) + len(palette)
    begin = struct.pack("<2sIHHI", b"BM", place + len(runs), 0, 0, place)
    return begin + header + palette + runs


def test_pixels_in_runs_are_no_attack() -> None:
    """Pillow reads each of their bytes by itself."""
    values = np.random.default_rng(0).integers(0, 256, (600, 50), np.uint8)
    rows = (b"".join(bytes((7, value)) for value in row) + b"\0\0" for row in values[::-1])
    decoded = decode_photo(in_runs(b"".join(rows) + b"\0\1", 350, 600))[0]
    np.testing.assert_array_equal(decoded[..., 0], np.repeat(values, 7, axis=1))


def test_runs_that_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_reader, "MAX_RUN_READS", 1000)
    with pytest.raises(ImageError, match=TOO_MANY):
        decode_photo(in_runs(b"\0\0" * MANY, 350, 600))


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
