from __future__ import annotations

import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from PIL import Image

from ioebss import image_files
from ioebss.errors import ImageError, PhotoSizeError
from ioebss.image_files import (
    MAX_PIXELS,
    decode_mask,
    decode_photo,
    is_photo_name,
    read_index_mask,
    read_mask,
    read_photo,
)

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp"])
def test_lossless_formats_as_opencv_wrote_them(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    cv2.imwrite(str(path), PICTURE[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])
    np.testing.assert_array_equal(read_photo(path), PICTURE)


def test_jpeg_as_opencv_decodes_it(samples: Path) -> None:
    ours = read_photo(samples / "chelsea.jpg").astype(int)
    theirs = cv2.imread(str(samples / "chelsea.jpg"))[..., ::-1].astype(int)
    assert ours.shape == theirs.shape == (300, 451, 3)
    assert np.abs(ours - theirs).mean() < 1  # two JPEG libraries round differently


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(tmp_path: Path, orientation: int) -> None:
    """EXIF 2.32, tag 274: what row 0 and column 0 of the stored picture are, seen upright."""
    upright = PICTURE
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(read_photo(path), upright)


def test_grey_rgba_and_palette(tmp_path: Path) -> None:
    grey = PICTURE[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "grey.png"), np.stack([grey] * 3, 2))
    alpha = np.concatenate([PICTURE, grey[..., None]], axis=2)
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "alpha.png"), PICTURE)
    palette = Image.fromarray(PICTURE).quantize(16)
    palette.save(tmp_path / "palette.png")
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_photo(tmp_path / "palette.png"), expected)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits(tmp_path: Path, suffix: str) -> None:
    deep = RNG.integers(0, 65536, (20, 30), np.uint16)
    path = tmp_path / f"grey{suffix}"
    cv2.imwrite(str(path), deep)
    np.testing.assert_array_equal(read_photo(path), np.stack([deep >> 8] * 3, 2))
    colour = RNG.integers(0, 65536, (20, 30, 3), np.uint16)
    path = tmp_path / f"colour{suffix}"
    cv2.imwrite(str(path), colour[..., ::-1])
    np.testing.assert_array_equal(read_photo(path), colour >> 8)


def test_files_that_are_no_photo(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_photo(tmp_path)
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    with pytest.raises(
        ImageError, match=r"not a JPEG, PNG, WebP, BMP, TIFF or GIF image; .* HEIC, and AVIF"
    ):
        read_photo(text)
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(ImageError, match="not a JPEG"):
        read_photo(empty)
    icon = tmp_path / "icon.ico"
    Image.fromarray(PICTURE).save(icon)
    with pytest.raises(ImageError, match="not a JPEG"):
        read_photo(icon)


def test_only_regular_files_are_opened(tmp_path: Path, samples: Path) -> None:
    """Opening the pipe would wait for ever, reading the device would not end."""
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    link = tmp_path / "link.jpg"
    link.symlink_to(pipe)
    for path, kind in ((pipe, "pipe"), (link, "pipe"), (Path("/dev/zero"), "device")):
        with pytest.raises(ImageError, match=f"is a {kind}, not a photo: .* input as -"):
            read_photo(path)
        for read in (read_mask, read_index_mask):
            with pytest.raises(ImageError, match=f"is a {kind}, not a mask: only files are read$"):
                read(path)
    with pytest.raises(ImageError, match=r"is a folder, not a photo: only files are read$"):
        read_photo(tmp_path)
    link.unlink()
    link.symlink_to(samples / "chelsea.jpg")
    np.testing.assert_array_equal(read_photo(link), read_photo(samples / "chelsea.jpg"))


def test_the_first_picture_of_a_gif(tmp_path: Path) -> None:
    """Transparent pixels have the colour that their index has; what the pictures are is known from
    the palette, without a GIF."""
    pictures = [Image.fromarray(turned).quantize(16) for turned in (PICTURE, PICTURE[::-1])]
    path = tmp_path / "photo.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], transparency=3, loop=0)
    expected = np.asarray(pictures[0].convert("RGB"))
    np.testing.assert_array_equal(read_photo(path), expected)
    pixels, kind = decode_photo(path.read_bytes())
    assert kind == "image/gif"
    np.testing.assert_array_equal(pixels, expected)
    for read in (read_mask, read_index_mask):  # any index of its palette may be the background
        with pytest.raises(ImageError, match="not a JPEG, PNG, WebP, BMP or TIFF image"):
            read(path)


def test_a_gif_whose_picture_is_larger_than_its_screen() -> None:
    """20000 x 20000 in a screen of 1 x 1 are counted before they are decoded."""
    picture = struct.pack("<HHHHB", 0, 0, 20_000, 20_000, 0) + b"\2\2\x4c\1\0;"
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    with pytest.raises(PhotoSizeError, match=r"pixels"):
        decode_photo(screen + b"," + picture)


def test_names_of_photos_in_folders() -> None:
    names = ["a.jpg", "B.JPEG", "c.jfif", "d.gif", "._a.jpg", ".b.png", ".jpg", "e.heic", "jpg"]
    assert [n for n in names if is_photo_name(Path("folder") / n)] == names[:4]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_photo_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(RNG.integers(0, 256, (200, 300, 3), np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError):
        read_photo(path)


def test_a_decompression_bomb_is_refused_before_decoding(tmp_path: Path) -> None:
    """A PNG of a few bytes that declares 100,000 x 100,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(ImageError, match=str(MAX_PIXELS)):
        read_photo(path)


def test_100_megapixels_are_not_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 10_000)).save(path)
    assert read_photo(path).shape == (10_000, 10_000, 3)


def test_index_masks_keep_their_indices(tmp_path: Path) -> None:
    indices = RNG.integers(0, 4, (20, 30)).astype(np.uint8)
    indices[0] = 255
    path = tmp_path / "mask.png"
    indexed = Image.frombytes("P", (30, 20), indices.tobytes())
    indexed.putpalette([v for i in range(256) for v in (i, 255 - i, i)])
    indexed.save(path)
    np.testing.assert_array_equal(read_index_mask(path), indices)
    Image.fromarray(PICTURE).save(path)
    with pytest.raises(ImageError, match="is in colour; a mask is 8-bit grey"):
        read_index_mask(path)


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_grey_masks_that_were_saved_in_colour(tmp_path: Path, mode: str) -> None:
    values = RNG.integers(0, 256, (20, 30)).astype(np.uint8)
    image = Image.fromarray(values).convert(mode)
    path = tmp_path / "mask.png"
    image.save(path)
    np.testing.assert_array_equal(read_index_mask(path), values)
    np.testing.assert_array_equal(read_mask(path), values > 127)
    np.testing.assert_array_equal(decode_mask(path.read_bytes()), values > 127)
    pixel = list(image.getpixel((29, 19)))
    for channel in range(len(pixel)):
        changed = pixel.copy()
        changed[channel] ^= 1
        image.putpixel((29, 19), tuple(changed))
        image.save(path)
        if mode == "LA" and channel == 0:
            assert read_index_mask(path)[19, 29] == values[19, 29] ^ 1
            continue
        reason = "transparent in places" if channel == mode.find("A") else "in colour"
        with pytest.raises(ImageError, match=f"is {reason}; a mask is 8-bit grey"):
            read_index_mask(path)


def test_samples_of_32_bits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "float.tiff"
    cv2.imwrite(str(path), RNG.random((20, 30)).astype(np.float32))
    with pytest.raises(ImageError, match="float32 samples; convert it to 8 or 16 bits"):
        read_photo(path)
    Image.fromarray(np.full((20, 30), 100_000, np.int32)).save(path)
    with pytest.raises(ImageError, match="int32 samples"):
        read_photo(path)


def test_a_damaged_exif_block_does_not_stop_a_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    exif[305] = "some software"
    path = tmp_path / "photo.jpg"
    Image.fromarray(PICTURE).save(path, exif=exif)
    data = bytearray(path.read_bytes())
    start = data.index(b"Exif\0\0") + 6
    for position in range(start, start + 40):
        damaged = data.copy()
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        assert sorted(read_photo(path).shape) == [3, 20, 30]


def test_odd_metadata_is_not_warned_of(tmp_path: Path) -> None:
    """No user can mend it. The EXIF block of this TIFF would begin at its last byte."""
    path = tmp_path / "grey.tiff"
    Image.fromarray(PICTURE[..., 0]).save(path, tiffinfo={34665: 7})
    entry, data = struct.pack("<HHI", 34665, 4, 1), path.read_bytes()
    assert data.count(entry + struct.pack("<I", 7)) == 1
    path.write_bytes(
        data.replace(entry + struct.pack("<I", 7), entry + struct.pack("<I", len(data) - 1))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (read_photo, read_mask, read_index_mask):
            assert read(path).shape[:2] == (20, 30)


@pytest.mark.parametrize(
    ("first", "second", "is_set"),
    [(1, 255, 1), (255, 255, 255), (7, 0, 7), (0, 0, 1)],
    ids=["object and void", "black and white", "object", "nothing"],
)
def test_an_indexed_mask(tmp_path: Path, first: int, second: int, is_set: int) -> None:
    indices = np.zeros((20, 30), np.uint8)
    indices[5:10], indices[10:12] = first, second
    indexed = Image.frombytes("P", (30, 20), indices.tobytes())
    indexed.putpalette([v for i in range(256) for v in (i, i, i)])
    indexed.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), indices == is_set)


def test_masks_of_either_range(tmp_path: Path) -> None:
    truth = RNG.random((20, 30)) > 0.5
    for top in (1, 255):
        Image.fromarray(truth.astype(np.uint8) * top).save(tmp_path / "mask.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), truth)


def test_threads_leave_the_programs_warnings_as_they_were(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that comes first leaves first."""
    came, may_leave = (Event(), Event()), (Event(), Event())

    def orientation(image: Image.Image) -> object:
        number = int(came[0].is_set())
        came[number].set()
        assert may_leave[number].wait(60)
        return None

    monkeypatch.setattr(image_files, "_orientation", orientation)
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        reads = []
        for arrival in came:
            reads.append(pool.submit(read_photo, samples / "chelsea.jpg"))
            assert arrival.wait(60)
        for read, leave in zip(reads, may_leave, strict=True):
            assert warnings.filters[0][0] == "ignore"
            leave.set()
            read.result()
    assert list(warnings.filters) == before
