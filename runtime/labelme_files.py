"""Masks as labelme's JSON, which labelme opens and edits.

The format is that of labelme's `_label_file.py`: `version`, `flags`, `shapes`, `imagePath`,
`imageData`, `imageHeight` and `imageWidth`; a shape has `label`, `points`, `group_id`,
`shape_type`, `flags`, `description` and `mask`.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ioebss import rle
from ioebss.origin_mark import write_marked
from ioebss.outlines import outlines

VERSION = "6.3.1"  # of labelme, whose format this is
LEAST_IOU = 0.98  # between a mask and its polygons
TOLERANCES = (1.0, 0.5, 0.0)  # of outlines, in pixels; few corners are easy to edit
CORNERS = 3  # a polygon has at least


def write_labelme(path: Path, photo: Path, mask: NDArray[np.bool_], label: str) -> None:
    """Writes the mask of one photo.

    The photo is named by its path from the file's folder, not copied into it. Something that lies
    at `path` is only replaced if it came from here and was not edited since.

    Args:
        path: of the file, .json.
        photo: path of the photo.
        mask: bool (H, W), of the photo upright.
        label: name of the class.

    Raises:
        OutputError: the file cannot be written, or somebody else's file is there.
    """
    height, width = mask.shape
    # Neither is taken for what a link leads to: that may have any name and lie anywhere.
    folder, photo = path.parent.resolve(), photo.parent.resolve() / photo.name
    write_marked(
        path,
        {
            "version": VERSION,
            "flags": {},
            "shapes": shapes(mask, label),
            "imagePath": Path(os.path.relpath(photo, folder)).as_posix(),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        },
    )


def shapes(mask: NDArray[np.bool_], label: str) -> list[dict[str, Any]]:
    """The mask as labelme's shapes: none if it is empty.

    Polygons, one for each part and in one group, with as few corners as say what the mask says: an
    IoU of at least `LEAST_IOU`, filled holes among what is lost. If polygons cannot, one shape of
    the type "mask", which is exact, and which labelme draws but does not edit by its corners.
    """
    if not mask.any():
        return []
    for tolerance in TOLERANCES:
        polygons = outlines(mask, tolerance)
        if min(map(len, polygons)) >= CORNERS and _iou(mask, polygons) >= LEAST_IOU:
            group = 0 if len(polygons) > 1 else None
            return [_shape(label, "polygon", p.astype(float).tolist(), group) for p in polygons]
    return [_mask_shape(mask, label)]


def _mask_shape(mask: NDArray[np.bool_], label: str) -> dict[str, Any]:
    """Corners are the first and the last pixel of the box; the mask is a PNG of what is inside."""
    x, y, width, height = rle.box(mask)
    buffer = io.BytesIO()
    Image.fromarray(mask[y : y + height, x : x + width]).save(buffer, "PNG")
    corners = [[float(x), float(y)], [float(x + width - 1), float(y + height - 1)]]
    shape = _shape(label, "mask", corners, None)
    shape["mask"] = base64.b64encode(buffer.getvalue()).decode()
    return shape


def _shape(label: str, kind: str, points: list[list[float]], group: int | None) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def _iou(mask: NDArray[np.bool_], polygons: list[NDArray[np.int32]]) -> float:
    """Between a mask and polygons as labelme draws them, which is by Pillow, edges included."""
    height, width = mask.shape
    picture = Image.new("1", (width, height))
    for polygon in polygons:
        ImageDraw.Draw(picture).polygon(polygon.ravel().tolist(), fill=1, outline=1)
    drawn = np.asarray(picture)
    return float((mask & drawn).sum() / (mask | drawn).sum())
