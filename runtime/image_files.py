"""Reading photos and masks. Every size is bounded before a pixel is decoded."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from ioebss.bounded_reader import BoundedReader
from ioebss.errors import ImageError, PhotoSizeError
from ioebss.image_bombs import refuse_bomb
from ioebss.regular_files import check_regular
from ioebss.result_names import is_result_name

MAX_PIXELS = 120_000_000  # a 100-megapixel photo and some room
# Names that photos of these formats have; what a file is is decided by its content.
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True)
class _Kind:
    """What a picture should be: its name in messages, its formats by Pillow's names, and what
    takes one that comes through a pipe."""

    what: str
    formats: tuple[str, ...]
    instead_of_pipe: str = ""


# In a GIF any index of the palette may be the background: the values of a mask would say nothing.
_MASK = _Kind("a mask", ("JPEG", "PNG", "WebP", "BMP", "TIFF"))
# Not AVIF: its decoder is not part of every Pillow, and takes frames that are larger than declared.
_PHOTO = _Kind(
    "a photo", (*_MASK.formats, "GIF"), "ioebss-run takes a photo from standard input as -"
)
_MASK_KINDS = "a mask is 8-bit grey, indexed, or black and white"
# What turns a picture stored with an EXIF orientation upright (EXIF 2.32, tag 274).
_TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, MemoryError)


class _Quiet:
    """Hides warnings while any thread is in it: Pillow warns of odd metadata that no user can mend,
    and from 89 megapixels on, where our own bound is checked.

    `warnings.catch_warnings` alone is for one thread. Threads that leave it in another order than
    they came leave the whole program without warnings for good.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._hidden = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._hidden.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._hidden.close()


_quiet = _Quiet()


def check_photo(photo: NDArray[np.uint8]) -> None:
    """Refuses an array that is no photo: it must be RGB uint8 (H, W, 3).

    Raises:
        ImageError: another type or shape.
        PhotoSizeError: more than `MAX_PIXELS` pixels.
    """
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8:
        kind = getattr(photo, "dtype", type(photo).__name__)
        raise ImageError(f"a photo is a path or a uint8 array, not {kind}")
    if photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise ImageError(f"a photo array has shape (height, width, 3), not {photo.shape}")
    if photo.shape[0] * photo.shape[1] > MAX_PIXELS:
        raise PhotoSizeError(f"the photo has more than {MAX_PIXELS} pixels; scale it down")


def is_photo_name(path: Path) -> bool:
    """Whether a file in a folder should be a photo, by its name. Hidden files should not: file
    managers leave some that have a photo's name, such as `._photo.jpg`."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def is_photo_beside_results(path: Path) -> bool:
    """Whether a file in a folder that results are written to should be a photo, by its name."""
    return is_photo_name(path) and not is_result_name(path)


def as_photo(photo: str | Path | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo, read if it is a path, checked if it is an array.

    Returns:
        uint8 (H, W, 3), red, green, blue.

    Raises:
        ImageError: see `read_photo` and `check_photo`.
    """
    if isinstance(photo, str | Path):
        return read_photo(photo)
    check_photo(photo)
    return photo


def read_photo(path: str | Path) -> NDArray[np.uint8]:
    """Reads a JPEG, PNG, WebP, BMP, TIFF or GIF photo as it is meant to be seen.

    The EXIF orientation is obeyed; 16-bit samples are reduced to their high byte; grey is repeated
    into three channels; transparency is dropped (the colours below it stay). Of an animation or a
    multi-page file the first picture is read. At its peak this takes about 11 bytes a pixel.

    Returns:
        uint8 (H, W, 3), red, green, blue.

    Raises:
        ImageError: no such file, no regular file (a pipe, a device), not such an image, truncated,
            more than a GiB or `MAX_PIXELS` pixels, or samples that are neither 8 nor 16 bits.
    """
    path = Path(path)
    with _opened(path, str(path), MAX_PIXELS, _PHOTO) as image:
        return _upright(image, str(path))


def decode_photo(
    data: bytes, max_pixels: int = MAX_PIXELS, name: str = "the photo"
) -> tuple[NDArray[np.uint8], str]:
    """Decodes a photo that is in memory, for example because it came over a network.

    Args:
        data: what would be in a file that `read_photo` reads.
        max_pixels: photos with more are refused before a pixel is decoded.
        name: of the photo, for messages.

    Returns:
        The photo, see `read_photo`, and what `data` really is: "image/jpeg".

    Raises:
        ImageError: as `read_photo`.
    """
    with _opened(data, name, max_pixels, _PHOTO) as image:
        # Phones write JPEGs with more pictures behind the first: Pillow has a name for them.
        kind = Image.MIME["JPEG" if image.format == "MPO" else image.format or ""]
        return _upright(image, name), kind


def _upright(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The pixels of an opened photo; `name` is for messages."""
    image.load()
    turn = _TURNS.get(_orientation(image))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I") or image.mode == "F":
        grey = _high_byte(np.asarray(image), name)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _orientation(image: Image.Image) -> object:
    """The EXIF orientation, 1..8; None where there is none or the EXIF block is damaged."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow's EXIF reader raises whatever a damaged block makes it
        return None


def read_index_mask(path: str | Path) -> NDArray[np.uint8]:
    """Reads the raw values of an 8-bit mask: palette indices of an indexed PNG, or grey values,
    also where they are stored as three equal channels. A mask is no GIF.

    Returns:
        uint8 (H, W).

    Raises:
        ImageError: as `read_photo`, or the file is in colour, or transparent in places.
    """
    path = Path(path)
    with _opened(path, str(path), MAX_PIXELS, _MASK) as image:
        return _values(image, str(path))[0]


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Reads a mask picture.

    Set is what lies above half of the range in a grey picture of more than one bit, any value but 0
    if none exceeds half, and in an indexed PNG any index but 0 and 255 (void), or 255 where there
    is no other: editors save black and white so.

    Returns:
        bool (H, W).

    Raises:
        ImageError: as `read_index_mask`.
    """
    path = Path(path)
    with _opened(path, str(path), MAX_PIXELS, _MASK) as image:
        return _set(*_values(image, str(path)))


def decode_mask(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.bool_]:
    """Decodes a mask picture that is in memory; see `read_mask` and `decode_photo`."""
    with _opened(data, "the mask", max_pixels, _MASK) as image:
        return _set(*_values(image, "the mask"))


def _set(values: NDArray[np.uint8], indexed: bool) -> NDArray[np.bool_]:
    if indexed:
        objects = (values != 0) & (values != 255)
        return np.asarray(objects if objects.any() else values == 255)
    return np.asarray(values > (127 if values.max(initial=0) > 127 else 0))


def _values(image: Image.Image, name: str) -> tuple[NDArray[np.uint8], bool]:
    """The raw values of a mask picture, and whether they are palette indices."""
    if image.mode in ("LA", "RGB", "RGBA"):
        return _grey_of_colour(image, name), False
    if image.mode not in ("P", "L", "1"):
        raise ImageError(f"{name} is stored as {image.mode}; {_MASK_KINDS}")
    values = np.asarray(image.convert("L") if image.mode == "1" else image, np.uint8)
    return values, image.mode == "P"


def _grey_of_colour(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The grey values of a picture that an editor saved in colour, or with transparency, though
    there is none in it."""
    channels = [np.asarray(channel) for channel in image.split()]
    if image.mode.endswith("A") and channels.pop().min(initial=255) < 255:
        raise ImageError(f"{name} is transparent in places; {_MASK_KINDS}, and opaque")
    if any(not np.array_equal(channel, channels[0]) for channel in channels[1:]):
        raise ImageError(f"{name} is in colour; {_MASK_KINDS}")
    return channels[0]


@contextmanager
def _opened(source: Path | bytes, name: str, max_pixels: int, kind: _Kind) -> Iterator[Image.Image]:
    """A picture whose pixels are not decoded yet. What fails while they are is an `ImageError`, and
    nothing is warned of.

    Args:
        source: path of a file, or what is in it.
        name: for messages.
    """
    with (
        _quiet,
        _reader(source, name, kind) as file,
        _header(file, name, max_pixels, kind.formats) as image,
    ):
        _check_cost(image, name, max_pixels)
        file.expect_pixels(image)
        try:
            yield image
        except _DECODE_ERRORS as error:
            raise ImageError(f"{name} cannot be decoded: {error}") from None


def _reader(source: Path | bytes, name: str, kind: _Kind) -> BoundedReader:
    if isinstance(source, Path):
        check_regular(source, ImageError, kind.what, kind.instead_of_pipe)
    try:
        return BoundedReader(source, name)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None


def _header(
    file: BoundedReader, name: str, max_pixels: int, formats: tuple[str, ...]
) -> ImageFile.ImageFile:
    """The picture, of which only the header is read."""
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError:
        listed = f"{', '.join(formats[:-1])} or {formats[-1]}"
        raise ImageError(
            f"{name} is not a {listed} image; save it as one (also a phone's HEIC, and AVIF)"
        ) from None
    except Image.DecompressionBombError:
        raise PhotoSizeError(f"{name} declares more than {max_pixels} pixels; refused") from None
    except _DECODE_ERRORS as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: BaseException) -> ImageError:
    return ImageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}")


def _check_cost(image: Image.Image, name: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        size = f"{image.width}x{image.height}"
        raise PhotoSizeError(f"{name} is {size}, more than {max_pixels} pixels; scale it down")
    refuse_bomb(image, name, max_pixels)


def _high_byte(grey: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """16-bit grey to 8 bits. Pillow may hand the samples out as 32-bit integers."""
    if grey.dtype.kind == "f" or grey.min(initial=0) < 0 or grey.max(initial=0) > 65535:
        raise ImageError(f"{name} has {grey.dtype} samples; convert it to 8 or 16 bits")
    return np.asarray(grey >> 8, np.uint8)
