"""A mask as clients ask for it: PNG, COCO RLE, or polygons."""

from __future__ import annotations

import base64
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss import rle

Format = Literal["png", "rle", "polygon", "none"]
PNG_LEVEL = 1  # of zlib: masks are simple, and a click must not wait


def encode_mask(mask: NDArray[np.bool_], kind: Format) -> dict[str, Any] | None:
    """A mask as JSON.

    Args:
        mask: bool (H, W).
        kind: "png": {"format", "data"}, a grey PNG of 0 and 255 in base64. "rle": {"format",
            "size": [H, W], "counts"}, see `ioebss.rle`. "polygon": {"format", "polygons"}, see
            `polygons`. "none": None.
    """
    if kind == "png":
        data = base64.b64encode(encode_png(mask)).decode("ascii")
        return {"format": kind, "data": data}
    if kind == "rle":
        return {"format": kind, **rle.encode(mask)}
    if kind == "polygon":
        return {"format": kind, "polygons": polygons(mask)}
    return None


def encode_png(mask: NDArray[np.bool_]) -> bytes:
    """A grey PNG of 0 and 255."""
    grey = mask.view(np.uint8) * np.uint8(255)
    _, data = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    return data.tobytes()


def polygons(mask: NDArray[np.bool_]) -> list[list[list[int]]]:
    """The outlines of a mask, those of holes among them.

    Each ring runs through the centres of the outermost pixels of the mask. All rings together,
    filled by the even-odd rule with their border (OpenCV's `fillPoly`), are the mask to the pixel.

    Returns:
        Rings of [x, y]; a single pixel is a ring of one point.
    """
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [contour[:, 0].tolist() for contour in contours]
