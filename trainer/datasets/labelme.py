"""labelme's files: `cat.json` beside `cat.jpg`, with the shapes that somebody drew.

The format is said in `ioebss.labelme_files`. Shapes become pixels as labelme's own
`utils/shape.py` draws them, which is by Pillow, edges included.
"""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ioebss.errors import DataError, IoebssError
from ioebss.image_files import decode_mask
from ioebss.json_files import read_json_object
from ioebss.trainer.datasets.beside import Chosen, annotated_photos, holds_annotated
from ioebss.trainer.datasets.painting import paint
from ioebss.trainer.datasets.pairs import PairDataset
from ioebss.trainer.datasets.scene import MAX_OBJECTS

ENDING = ".json"
MAX_JSON_BYTES = 256 * 1024**2  # a photo may be inside, in base64
NO_AREA = ("point", "points", "line", "linestrip")  # shapes that enclose nothing
OUTLINES = ("polygon", "rectangle", "oriented_rectangle")
IGNORED = "__ignore__"  # the label that labelme's converters make void


class LabelmeDataset(PairDataset):
    """Photos with labelme's `STEM.json` beside them. Shapes of one label and one group are one
    object, a shape without a group is one by itself; where objects overlap the smaller is in front.
    Points and lines are passed over, what is labelled `__ignore__` is void.

    Args:
        folder, chosen: see `annotated_photos`, also for what is raised.
    """

    def __init__(self, folder: Path, chosen: Chosen) -> None:
        super().__init__(annotated_photos(folder, chosen, ENDING))

    def read(self, file: Path, height: int, width: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """See `PairDataset`."""
        table = read_json_object(file, MAX_JSON_BYTES, DataError, "a file of labelme")
        try:
            return _labels(table, height, width)
        except DataError as error:
            raise DataError(f"{file}: {error}") from None


def has_labelme(folder: Path) -> bool:
    """Whether a photo in the folder has a file of labelme's name beside it."""
    return holds_annotated(folder, ENDING)


def _labels(
    table: dict[str, Any], height: int, width: int
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """The labels of a file's objects, uint8 (height, width), and the class of each."""
    groups = _groups(table.get("shapes"))
    _check_size(table, height, width)
    objects = [shapes for (label, _), shapes in groups.items() if label != IGNORED]
    voids = [shapes for (label, _), shapes in groups.items() if label == IGNORED]
    labels, order = paint(objects, voids, height, width, _draw)
    names = [str(objects[place][0]["label"]) for place in order[:MAX_OBJECTS]]
    return labels, dict(enumerate(names, 1))


def _groups(shapes: Any) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The shapes of each object, by its label and its group or, without one, its place."""
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError("it has no list of shapes; if it is no file of labelme, move it elsewhere")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for place, shape in enumerate(shapes):
        label, group = shape.get("label"), shape.get("group_id")
        if not isinstance(label, str):
            raise DataError(f"the label of shape {place + 1} is no text")
        if _kind(shape) in NO_AREA:
            continue
        key = f"alone {place}" if group is None else f"group {group}"
        groups.setdefault((label, key), []).append(shape)
    return groups


def _kind(shape: dict[str, Any]) -> str:
    return str(shape.get("shape_type") or "polygon")  # old files have polygons alone


def _check_size(table: dict[str, Any], height: int, width: int) -> None:
    """Of the photo that was drawn on, where the file names it: old ones do not."""
    size = table.get("imageWidth"), table.get("imageHeight")
    if None not in size and size != (width, height):
        said = "x".join(str(number)[:20] for number in size)
        raise DataError(
            f"it is for a photo of {said} pixels, not {width}x{height}; open the photo in labelme "
            "and draw anew"
        )


def _draw(shapes: list[dict[str, Any]], height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of one object, bool (height, width). Outlines of fewer than three points enclose
    nothing."""
    picture = Image.new("1", (width, height))
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        kind, points = _kind(shape), _points(shape, height, width)
        if kind == "mask":
            _stamp(picture, shape, points)
        elif kind == "rectangle" and len(points) == 2:
            pen.rectangle(_box(points), fill=1, outline=1)
        elif kind == "circle" and len(points) == 2:
            (x, y), radius = points[0], math.dist(*points)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1, outline=1)
        elif kind not in OUTLINES:
            raise DataError(f"{kind[:50]!r} with {len(points)} points is no known shape")
        elif len(points) > 2:
            pen.polygon(points, fill=1, outline=1)
    return np.asarray(picture)


def _points(shape: dict[str, Any], height: int, width: int) -> list[tuple[float, float]]:
    """Its points, not farther off the photo than the photo is large: what is drawn is bounded."""
    points: Any = shape.get("points")
    if not isinstance(points, list) or not all(_is_point(point) for point in points):
        raise DataError("the points of a shape are no list of [x, y]")
    if not all(-width <= x <= 2 * width and -height <= y <= 2 * height for x, y in points):
        raise DataError(f"a shape lies far outside the photo of {width}x{height} pixels")
    return [(float(x), float(y)) for x, y in points]


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and [type(v) in (int, float) for v in point] == [True, True]


def _box(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of two corners."""
    (x0, y0), (x1, y1) = points
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _stamp(picture: Image.Image, shape: dict[str, Any], points: list[tuple[float, float]]) -> None:
    """Sets the pixels of a shape of the type "mask": a PNG of what is in its box, corners
    included."""
    if len(points) != 2:
        raise DataError("a mask has no two corners")
    left, top, right, bottom = map(int, _box(points))
    size = (right - left + 1, bottom - top + 1)
    try:
        content = base64.b64decode(shape.get("mask") or "", validate=True)
        mask = decode_mask(content, size[0] * size[1])
    except (TypeError, ValueError, IoebssError) as error:
        raise DataError(f"a mask cannot be read: {error}") from None
    if mask.shape != size[::-1]:
        raise DataError(
            f"a mask has {mask.shape[1]}x{mask.shape[0]} pixels in a box of {size[0]}x{size[1]}"
        )
    picture.paste(1, (left, top), Image.fromarray(mask))
