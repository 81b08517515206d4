"""The outlines of a mask, as polygons."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1.0  # pixels: an outline of corners that people can still move, not of every pixel


def outlines(
    mask: NDArray[np.bool_], tolerance: float = TOLERANCE
) -> tuple[list[NDArray[np.int32]], bool]:
    """The outer outline of each connected part of a mask.

    Parts are connected over corners too. The corners are centres of the part's own pixels (Suzuki
    and Abe 1985, as OpenCV's findContours has it), thinned by Douglas and Peucker's method.

    Args:
        mask: bool (H, W).
        tolerance: how far from the outline, in pixels, a corner may be left out; 0 keeps them all.

    Returns:
        Polygons, int32 (N, 2) of (x, y) with N >= 1, largest part first; and whether the mask has
        holes, which outer outlines do not show.
    """
    contours, tree = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    if tree is None:
        return [], False
    outer = tree[0, :, 3] < 0
    parts = [contours[i] for i in np.flatnonzero(outer)]
    parts.sort(key=cv2.contourArea, reverse=True)
    polygons = [cv2.approxPolyDP(p, tolerance, True) if tolerance else p for p in parts]
    return [np.asarray(p, np.int32).reshape(-1, 2) for p in polygons], not bool(outer.all())
