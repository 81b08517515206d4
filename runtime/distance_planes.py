"""The two Euclidean distance planes of DIOS (Xu et al. 2016, section 3.1): what clicks were to a
network before IOEBSS drew discs.

A pixel of a plane is min(255, d), with d the Euclidean distance between its centre and the nearest
click of that plane's label, in the network's resolution; a plane without a click is 255 all over.
Squared distances are integers, so that the values are exact: the float32 nearest to the root.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.planes import plane_of

FARTHEST = 255  # where distances are cut off, in network pixels


def distance_planes(clicks: Iterable[Click], height: int, width: int) -> NDArray[np.float32]:
    """Both planes of a set of clicks. The time does not depend on how many there are.

    Args:
        clicks: in network pixels, inside the planes.
        height, width: of the planes, in network pixels.

    Returns:
        float32 (2, height, width), 0..255: positive, negative.
    """
    unclicked = np.ones((2, height, width), np.uint8)
    for click in clicks:
        unclicked[plane_of(click.label), click.y, click.x] = 0
    planes = np.full(unclicked.shape, FARTHEST, np.float32)
    for plane, left in zip(planes, unclicked, strict=True):
        if not left.all():
            distance = cv2.distanceTransform(left, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            # OpenCV's last bits depend on where the array lies in memory: back to integers.
            squared = np.rint(np.square(np.minimum(distance, FARTHEST + 1), dtype=np.float64))
            plane[:] = np.minimum(np.sqrt(squared), FARTHEST)
    return planes


def approach(planes: NDArray[Any], x: int, y: int, label: int) -> None:
    """Adds one click, in place.

    Args:
        planes: float32 (2, H, W) as `distance_planes` returns them.
        x, y: the click in network pixels, inside the planes.
        label: 1 foreground, 0 background.
    """
    plane = planes[plane_of(label)]
    rows = np.square(np.arange(plane.shape[0]) - y)
    columns = np.square(np.arange(plane.shape[1]) - x)
    distance = np.sqrt(np.add.outer(rows, columns)).astype(np.float32)
    np.minimum(plane, distance, out=plane)
