"""The outlines of a mask, as polygons."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def outlines(mask: NDArray[np.bool_], tolerance: float) -> list[NDArray[np.int32]]:
    """The outer outline of each connected part of a mask; holes are not shown.

    Parts are connected over corners too. The corners are centres of the part's own pixels (Suzuki
    and Abe 1985, as OpenCV's findContours has it), thinned by Douglas and Peucker's method.

    Args:
        mask: bool (H, W).
        tolerance: how far from the outline, in pixels, a corner may be left out; 0 keeps them all.

    Returns:
        Polygons, int32 (N, 2) of (x, y) with N >= 1, largest part first.
    """
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = [cv2.approxPolyDP(p, tolerance, True) if tolerance else p for p in found]
    polygons.sort(key=cv2.contourArea, reverse=True)
    return [np.asarray(p, np.int32).reshape(-1, 2) for p in polygons]
