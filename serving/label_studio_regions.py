"""Label Studio's regions: smart keypoints to clicks, masks to brushes and polygons.

Coordinates are per cent of the photo's width and height, as in Label Studio's own results.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, MAX_CLICKS
from ioebss.outlines import outlines
from ioebss.serving import brush_rle
from ioebss.serving.errors import ServiceError
from ioebss.serving.label_studio_config import BRUSH, Control

KEYPOINTS = ("keypointlabels", "keypoint")
OFF = "background"  # a label of that name, in any case, beside another one
TOLERANCE = 1.0  # of outlines, in pixels
MAX_SIDE = 1_000_000  # of a photo, in pixels
CORNERS = 3  # a polygon has at least
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Keypoint:
    """A smart keypoint: place in fractions of the photo, 0..1, and what was said of it."""

    x: float
    y: float
    positive: bool
    label: str | None


@dataclass(frozen=True)
class Prompt:
    """What was clicked.

    Attributes:
        width, height: of the photo, as Label Studio's page sees it.
        keypoints: in order; may be empty.
        brush: a smart brush, as brush RLE, to start from.
    """

    width: int
    height: int
    keypoints: tuple[Keypoint, ...]
    brush: list[int] | None

    def clicks(self, width: int, height: int) -> list[tuple[float, float, int]]:
        """Clicks in pixels of a photo; the first on the object goes first.

        Off the object is what Alt makes so (`is_positive` is false), and a keypoint labelled
        Background where there are others: alone, Background is what is to be found.
        """
        mixed = any(not _is_off(point) for point in self.keypoints)
        clicks = [
            (
                min(point.x * width, width - 1),
                min(point.y * height, height - 1),
                FOREGROUND if point.positive and not (mixed and _is_off(point)) else BACKGROUND,
            )
            for point in self.keypoints
        ]
        first = next((i for i, click in enumerate(clicks) if click[2] == FOREGROUND), 0)
        return clicks[first : first + 1] + clicks[:first] + clicks[first + 1 :]

    def label(self, control: Control) -> str:
        """Of the result: the last keypoint's on the object if the control has it, else its
        first."""
        for point in reversed(self.keypoints):
            if point.positive and point.label is not None and point.label in control.labels:
                return point.label
        return control.labels[0] if control.labels else ""


def read_prompt(result: Sequence[Any]) -> Prompt:
    """What the regions of `context.result` say. Regions of other types are passed over.

    Raises:
        ServiceError: 422, a region is not as Label Studio makes it, or there are too many.
    """
    if len(result) > MAX_CLICKS:
        raise _refused(f"more than {MAX_CLICKS} regions; use fewer")
    keypoints, brush, sizes = [], None, set()
    for region in result:
        value = region.get("value") if isinstance(region, dict) else None
        if not isinstance(value, dict):
            raise _refused("a region needs a type and a value")
        kind = region.get("type")
        if kind in KEYPOINTS:
            keypoints.append(_keypoint(region, value))
        elif kind in (BRUSH, "brush") and isinstance(value.get("rle"), list):
            brush = value["rle"]
        else:
            continue
        sizes.add((_size(region, "original_width"), _size(region, "original_height")))
    if not keypoints:
        raise _refused("no smart keypoint: click on the object with one")
    if len(sizes) > 1:
        raise _refused("the regions are of photos of different sizes")
    return Prompt(*sizes.pop(), tuple(keypoints), brush)


def make_regions(mask: Mask, control: Control, label: str) -> list[dict[str, Any]]:
    """The mask as regions: one brush, or a polygon for each part. Polygons have no holes; parts of
    less than three corners are left out. An empty mask is no region."""
    if not mask.any():
        return []
    values: list[dict[str, Any]]
    if control.kind == BRUSH:
        values = [{"format": "rle", "rle": brush_rle.encode(mask)}]
    else:
        values = [{"points": p, "closed": True} for p in _polygons(mask)]
    height, width = mask.shape
    return [
        {
            "id": secrets.token_hex(5),
            "from_name": control.name,
            "to_name": control.image,
            "type": control.kind,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "readonly": False,
            "value": {**value, control.kind: [label]},
        }
        for value in values
    ]


def _polygons(mask: Mask) -> list[list[list[float]]]:
    """Corners in per cent: the centres of the outermost pixels."""
    found = outlines(mask, TOLERANCE)
    scale = 100 / np.array(mask.shape[::-1])
    return [((p + 0.5) * scale).tolist() for p in found if len(p) >= CORNERS]


def _keypoint(region: dict[str, Any], value: dict[str, Any]) -> Keypoint:
    labels = value.get("keypointlabels")
    label = labels[0] if isinstance(labels, list) and labels else None
    if label is not None and not isinstance(label, str):
        raise _refused("a keypoint's label must be text")
    x, y = _fraction(value.get("x"), "x"), _fraction(value.get("y"), "y")
    return Keypoint(x, y, region.get("is_positive") not in (False, 0), label)


def _fraction(value: Any, name: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 100:  # what is not a number is outside
        raise _refused(f"a keypoint's {name} is per cent of the photo, 0 to 100")
    return float(value) / 100


def _size(region: dict[str, Any], name: str) -> int:
    value = region.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_SIDE:
        raise _refused(f"a region needs {name}, in pixels")
    return value


def _is_off(point: Keypoint) -> bool:
    return point.label is not None and point.label.strip().lower() == OFF


def _refused(message: str) -> ServiceError:
    return ServiceError(422, "context", message)
