"""Writing a result: mask, cut-out, picture, or JSON. A file appears whole or not at all."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ioebss import rle
from ioebss.atomic import write_atomically
from ioebss.clicks import Click, as_table
from ioebss.drawing import MASK_COLOUR, blend, draw_clicks, draw_outline
from ioebss.errors import UsageError

FORMATS = ("mask", "cutout", "overlay", "json")
OPACITY = 0.45  # of the mask in an overlay


def write_result(
    path: Path,
    kind: str,
    photo: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    clicks: Sequence[Click],
    name: str,
) -> None:
    """Writes one result, see `encode_result`; .png for pictures, .json for "json".

    Raises:
        OutputError: the file cannot be written.
        UsageError: unknown kind.
    """
    data = encode_result(kind, photo, mask, clicks, name)
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def encode_result(
    kind: str,
    photo: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    clicks: Sequence[Click],
    name: str,
) -> bytes:
    """What the file of a result holds.

    Args:
        kind: "mask" (grey PNG of 0 and 255), "cutout" (the photo with the mask as transparency,
            RGBA PNG), "overlay" (the mask over the photo, with its outline and the clicks, PNG) or
            "json" (see `describe`).
        photo: uint8 (H, W, 3).
        mask: bool (H, W).
        clicks: in photo pixels.
        name: of the photo, recorded in the JSON.

    Raises:
        UsageError: unknown kind.
    """
    if kind == "json":
        return (json.dumps(describe(mask, clicks, name)) + "\n").encode()
    if kind == "mask":
        picture = Image.fromarray(mask.astype(np.uint8) * 255)
    elif kind == "cutout":
        alpha = mask.astype(np.uint8)[..., None] * 255
        picture = Image.fromarray(np.concatenate([photo, alpha], axis=2))
    elif kind == "overlay":
        picture = Image.fromarray(overlay(photo, mask, clicks))
    else:
        raise UsageError(f"no format {kind!r}; choose one of {', '.join(FORMATS)}")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def describe(mask: NDArray[np.bool_], clicks: Sequence[Click], name: str) -> dict[str, Any]:
    """A mask as data: photo, size, clicks, COCO RLE, area in pixels and box [x, y, width,
    height].
    """
    height, width = mask.shape
    return {
        "photo": name,
        "width": width,
        "height": height,
        "clicks": as_table(clicks),
        "segmentation": rle.encode(mask),
        "area": int(mask.sum()),
        "bbox": rle.box(mask),
    }


def overlay(
    photo: NDArray[np.uint8], mask: NDArray[np.bool_], clicks: Sequence[Click]
) -> NDArray[np.uint8]:
    """The mask tinted over the photo, outlined, with a dot per click (green on, red off).

    Returns:
        uint8 (H, W, 3).
    """
    picture = photo.copy()
    blend(picture, mask, MASK_COLOUR, OPACITY)
    unit = max(1, round(max(mask.shape) / 400))
    draw_outline(picture, mask, (255, 255, 255), unit)
    draw_clicks(picture, clicks, unit=unit)
    return picture
