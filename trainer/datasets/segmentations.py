"""COCO's segmentations of one object: polygons, run lengths, and compressed run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError, MissingExtraError


def decode(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """The mask of one COCO segmentation: polygons, run lengths, or compressed run lengths.

    Polygons of fewer than three points enclose nothing and are passed over.

    Returns:
        bool (height, width).

    Raises:
        DataError: it is none of the three, or does not fit the photo.
        MissingExtraError: pycocotools is not installed.
    """
    try:
        from pycocotools import mask as coco
    except ImportError:
        raise MissingExtraError(
            'reading COCO needs pycocotools: pip install "ioebss[train]"'
        ) from None
    try:
        if isinstance(segmentation, list):
            polygons = _checked_polygons(segmentation, height, width)
            if not polygons:
                return np.zeros((height, width), bool)
            runs = coco.merge(coco.frPyObjects(polygons, height, width))
        else:
            runs = _checked_runs(segmentation, height, width)
            if isinstance(runs["counts"], list):
                runs = coco.frPyObjects(runs, height, width)
        return np.asarray(coco.decode(runs), bool)
    except ValueError as error:
        raise DataError(f"a segmentation cannot be decoded: {error}") from None


def _checked_polygons(polygons: list[Any], height: int, width: int) -> list[list[float]]:
    """The polygons of three points or more.

    Their rasteriser's memory grows with the outline, so points may lie off the photo by its size at
    most.
    """
    checked = []
    for polygon in polygons:
        numbers = isinstance(polygon, list) and all(type(v) in (int, float) for v in polygon)
        if not numbers or len(polygon) % 2:
            raise DataError("a polygon is not a list of x, y, x, y, ...")
        x, y = polygon[::2], polygon[1::2]
        inside = all(-width <= v <= 2 * width for v in x)
        if not inside or not all(-height <= v <= 2 * height for v in y):
            raise DataError(f"a polygon lies far outside the photo of {width}x{height} pixels")
        if len(x) >= 3:
            checked.append([float(v) for v in polygon])
    return checked


def _checked_runs(runs: Any, height: int, width: int) -> dict[str, Any]:
    """Run lengths that fill the photo exactly; the C code below trusts them."""
    if not isinstance(runs, dict) or runs.get("size") != [height, width]:
        raise DataError(f"run lengths are not of the photo's size, [{height}, {width}]")
    counts = runs.get("counts")
    if isinstance(counts, str):
        lengths = run_lengths(counts)
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        lengths = counts
    else:
        raise DataError("run lengths are neither a list of integers nor a string")
    if min(lengths, default=0) < 0 or sum(lengths) != height * width:
        raise DataError(f"run lengths do not add up to {height * width} pixels")
    return {"size": [height, width], "counts": counts}


def run_lengths(text: str) -> list[int]:
    """The integers of a compressed run-length string (pycocotools' own coding).

    Little-endian groups of five bits, offset by 48, a sixth bit where more follow; from the fourth
    number on each is the difference to the one two places before.

    Raises:
        DataError: a character outside the code, an endless number, or an unfinished one.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 30:
            raise DataError("a compressed run-length string is damaged")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    if shift:
        raise DataError("a compressed run-length string ends within a number")
    return lengths
