"""Boundary IoU (Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation
Evaluation", equation 1): the IoU of two masks along their outlines alone, which the many pixels
inside a large object cannot hide.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.overlap import check_masks, iou

WIDTH = 0.02  # of the outlines, as a part of the photo's diagonal; the paper's for COCO


def inner_boundary(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The pixels of a mask within `width` steps (to any of 8 neighbours) of a pixel outside it;
    what lies beyond the photo is outside.

    Args:
        mask: bool (H, W).
        width: in pixels, 1 or more.

    Returns:
        bool (H, W).
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    core = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return np.asarray(mask & (core[1:-1, 1:-1] == 0))


def boundary_width(height: int, width: int) -> int:
    """How wide the outlines of a photo of this size are, in pixels: 2 % of its diagonal."""
    return max(1, round(WIDTH * float(np.hypot(height, width))))


def boundary_iou(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> float:
    """IoU of the inner boundaries of two masks.

    Args:
        prediction, truth: bool (H, W).
        valid: bool (H, W), False where pixels are void: those are outside both masks, so what a
            mask says there neither counts nor moves an outline.

    Returns:
        0..1; 1 where both boundaries are empty.

    Raises:
        UsageError: see `ioebss.overlap.iou`.
    """
    check_masks(prediction, truth, valid)
    truth, prediction = truth & valid, prediction & valid
    width = boundary_width(*truth.shape)
    return iou(inner_boundary(prediction, width), inner_boundary(truth, width), valid)
