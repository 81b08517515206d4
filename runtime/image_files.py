"""Reading photos and masks. Every size is bounded before a pixel is decoded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ioebss.errors import ImageError

MAX_PIXELS = 120_000_000  # a 100-megapixel photo and some room
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, MemoryError)


def read_photo(path: str | Path) -> NDArray[np.uint8]:
    """Reads a JPEG, PNG, WebP, BMP or TIFF photo as it is meant to be seen.

    The EXIF orientation is obeyed; 16-bit samples are reduced to their high byte; grey is repeated
    into three channels; transparency is dropped (the colours below it stay). Of an animation or a
    multi-page file the first picture is read.

    Returns:
        uint8 (H, W, 3), red, green, blue.

    Raises:
        ImageError: no such file, not such an image, truncated, or more than `MAX_PIXELS` pixels.
    """
    with _open(Path(path)) as image:
        try:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I") or upright.mode == "F":
                grey = _high_byte(np.asarray(upright))
                return np.repeat(grey[..., None], 3, axis=2)
            return np.asarray(upright.convert("RGB"))
        except _DECODE_ERRORS as error:
            raise ImageError(f"{path} cannot be decoded: {error}") from None


def read_index_mask(path: str | Path) -> NDArray[np.uint8]:
    """Reads the raw values of an 8-bit mask: palette indices of an indexed PNG, or grey values.

    Returns:
        uint8 (H, W).

    Raises:
        ImageError: as `read_photo`, or the file is in colour.
    """
    with _open(Path(path)) as image:
        if image.mode not in ("P", "L", "1"):
            raise ImageError(
                f"{path} is a {image.mode} image; a mask is 8-bit grey, indexed or black and white"
            )
        try:
            return np.asarray(image.convert("L") if image.mode == "1" else image, np.uint8)
        except _DECODE_ERRORS as error:
            raise ImageError(f"{path} cannot be decoded: {error}") from None


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Reads a mask picture: set where the value is above half of the range (any non-zero index of
    an indexed PNG).

    Returns:
        bool (H, W).

    Raises:
        ImageError: as `read_index_mask`.
    """
    values = read_index_mask(path)
    return values > (127 if values.max(initial=0) > 127 else 0)


def _open(path: Path) -> Image.Image:
    """Reads the header only and checks the size it declares."""
    if not path.exists():
        raise ImageError(f"{path} does not exist")
    if path.is_dir():
        raise ImageError(f"{path} is a folder, not a photo")
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; our own bound is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError(f"{path} is not a JPEG, PNG, WebP, BMP or TIFF image") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{path} declares more than {MAX_PIXELS} pixels; refused") from None
    except _DECODE_ERRORS as error:
        raise ImageError(f"{path} cannot be read: {error}") from None
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width}x{image.height}"
        image.close()
        raise ImageError(f"{path} is {size}, more than {MAX_PIXELS} pixels; scale it down")
    return image


def _high_byte(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """16-bit grey to 8 bits; what Pillow hands out as 32-bit integers or floats holds 16-bit
    values.
    """
    values = np.clip(grey, 0, 65535).astype(np.uint16)
    return np.asarray(values >> 8, np.uint8)
