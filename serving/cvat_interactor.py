"""CVAT's interactor contract: what its server posts to a nuclio function, and what it wants back.

The request (`cvat/apps/lambda_manager/views.py`, `LambdaFunction.invoke`) is an object with `image`
(the photo, base64), `pos_points` and `neg_points` (lists of [x, y] in pixels), `obj_bbox` (a box of
two points, null where the function asks for none) and, if a caller of CVAT's API set one,
`threshold`. The response has the mask twice: as `mask`, a list of rows of 0 and 1, which CVAT's
page has read since version 2.3, and as `shapes`, CVAT's own run lengths, which it reads since it
takes several shapes. Each passes over the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss import rle
from ioebss.clicks import BACKGROUND, FOREGROUND
from ioebss.errors import BackendError, ImageError, IoebssError, PhotoSizeError, UsageError
from ioebss.image_files import decode_photo
from ioebss.segmenter import Segmenter
from ioebss.serving.open_photos import OpenPhotos, advance
from ioebss.session import Session

MAX_BODY_BYTES = 64 * 1024 * 1024
OPEN_PHOTOS = 4
OPEN_BYTES = 1024 * 1024 * 1024
THRESHOLD = 0.5  # foreground is logits > 0, a probability above one half
ZERO = int.from_bytes(b"0,", "little")  # one more is "1,"
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Answer:
    """An answer to CVAT's server: the status of HTTP and the body, JSON."""

    status: int
    body: str


class Interactor:
    """Answers CVAT's requests. May be shared by threads, which take turns.

    The clicks are set one after the other, those on the object first, since CVAT does not say in
    which order they came. The photo stays open for the next click.

    Args:
        segmenter: makes the masks.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._photos = OpenPhotos(segmenter, OPEN_PHOTOS, OPEN_BYTES)
        self._turn = threading.Lock()

    def answer(self, body: Any) -> Answer:
        """The answer to a request.

        Args:
            body: the request's body: an object that was read from JSON, or JSON as bytes or text.

        Returns:
            200 with the mask; 400 or 413 with `{"message": ...}` for what cannot be used; 503 where
            the engine failed. Nothing is raised for anything that a client can send.
        """
        try:
            request = _request(body)
            with self._turn:
                mask = self._mask(request)
            return Answer(200, _encode(mask))
        except PhotoSizeError as error:
            return _refusal(413, error)
        except (UsageError, ImageError) as error:
            return _refusal(400, error)
        except BackendError as error:
            return _refusal(503, error)

    def _mask(self, request: dict[str, Any]) -> Mask:
        data = _bytes(request.get("image"))
        key = hashlib.sha256(data).hexdigest()
        session = self._photos.session(key, lambda: decode_photo(data)[0])
        clicks = session.validated(_points(request, session))
        threshold = _threshold(request.get("threshold"))
        mask = advance(session, clicks)
        return mask if threshold == THRESHOLD else session.probability > threshold


def _request(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes | str):
        if len(body) > MAX_BODY_BYTES:
            raise PhotoSizeError(f"the request is larger than {MAX_BODY_BYTES} bytes")
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            raise UsageError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise UsageError("the body must be an object with image, pos_points and neg_points")
    if body.get("obj_bbox"):
        raise UsageError("obj_bbox: a box is of no use here; click on the object")
    return body


def _bytes(image: Any) -> bytes:
    if not isinstance(image, str) or not image:
        raise UsageError("image must be the photo, base64")
    if len(image) > MAX_BODY_BYTES:
        raise PhotoSizeError(f"the image is larger than {MAX_BODY_BYTES} bytes")
    try:
        return base64.b64decode(image, validate=True)
    except ValueError:
        raise UsageError("image is not base64") from None


def _points(request: dict[str, Any], session: Session) -> list[tuple[float, float, int]]:
    points = []
    for name, label in (("pos_points", FOREGROUND), ("neg_points", BACKGROUND)):
        given = request.get(name)
        if given is None and label == BACKGROUND:
            continue
        if not isinstance(given, list):
            raise UsageError(f"{name} must be a list of [x, y]")
        for point in given:
            if not isinstance(point, list) or len(point) != 2 or not all(map(_is_number, point)):
                raise UsageError(f"{name}: {str(point)[:40]} is not [x, y] in pixels")
            x, y = point
            points.append((_inside(x, session.width), _inside(y, session.height), label))
    if not request["pos_points"]:
        raise UsageError("pos_points: click on the object at least once")
    return points


def _inside(value: float, size: int) -> float:
    """CVAT's canvas ends at the far edge of the last pixel, which is that pixel's."""
    return size - 1 if value == size else value


def _threshold(value: Any) -> float:
    if value is None:
        return THRESHOLD
    if not _is_number(value) or not 0 < value < 1:
        raise UsageError("threshold is a probability between 0 and 1")
    return float(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _encode(mask: Mask) -> str:
    """JSON of the response. The rows are written by hand, since json is slow on long lists."""
    pairs = mask.astype("<u2") + np.uint16(ZERO)
    rows = b"],[".join(row.tobytes()[:-1] for row in pairs).decode("ascii")
    shapes = json.dumps([{"type": "mask", "points": run_lengths(mask), "attributes": []}])
    return f'{{"mask": [[{rows}]], "shapes": {shapes}}}'


def run_lengths(mask: Mask) -> list[int]:
    """A mask as CVAT's annotations hold it (`cvat_sdk.masks`).

    Args:
        mask: bool (H, W).

    Returns:
        Lengths of runs along the rows of the mask's box, background first, and then the box: left,
        top, right, bottom of its outermost pixels.
    """
    x, y, width, height = rle.box(mask)
    width, height = max(width, 1), max(height, 1)
    runs = rle.run_lengths(mask[y : y + height, x : x + width].ravel()).tolist()
    return [*runs, x, y, x + width - 1, y + height - 1]


def _refusal(status: int, error: IoebssError) -> Answer:
    return Answer(status, json.dumps({"message": str(error)}))
