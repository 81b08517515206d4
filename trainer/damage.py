"""Masks that are wrong in the ways of other people's masks: what a session may start from."""

from __future__ import annotations

import cv2
import numpy as np

from ioebss.rle import box
from ioebss.simulation import Mask


def damaged(mask: Mask, rng: np.random.Generator) -> Mask:
    """The mask with one to three damages: grown or shrunk, shifted, cut off at a line, or with an
    ellipse added or taken away. Bool (H, W); sizes are relative to the mask's extent."""
    result = mask.copy()
    for _ in range(int(rng.integers(1, 4))):
        damage = _DAMAGES[int(rng.integers(len(_DAMAGES)))]
        result = damage(result, _extent(mask), rng)
    return result


def _extent(mask: Mask) -> float:
    _, _, width, height = box(mask)
    return max(width, height) or 0.25 * max(mask.shape)


def _resize_outline(mask: Mask, extent: float, rng: np.random.Generator) -> Mask:
    side = 1 + 2 * max(1, round(extent * rng.uniform(0.01, 0.1)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), kernel), bool)


def _shift(mask: Mask, extent: float, rng: np.random.Generator) -> Mask:
    dx, dy = rng.uniform(-0.15, 0.15, 2) * extent
    matrix = np.array([[1, 0, dx], [0, 1, dy]])
    moved = cv2.warpAffine(mask.astype(np.uint8), matrix, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    return np.asarray(moved, bool)


def _cut_off(mask: Mask, extent: float, rng: np.random.Generator) -> Mask:
    """Removes what lies beyond a line through a random point of the mask."""
    where = np.argwhere(mask)
    if not len(where):
        return mask
    y, x = where[int(rng.integers(len(where)))]
    angle = rng.uniform(0, 2 * np.pi)
    ys, xs = np.indices(mask.shape)
    near = (xs - x) * np.cos(angle) + (ys - y) * np.sin(angle) <= 0
    return np.asarray(mask & near, bool)


def _ellipse(mask: Mask, extent: float, rng: np.random.Generator) -> Mask:
    """Adds or takes away an ellipse that touches the mask."""
    where = np.argwhere(mask)
    if not len(where):
        return mask
    y, x = (int(v) for v in where[int(rng.integers(len(where)))])
    axes = [max(1, int(v)) for v in rng.uniform(0.05, 0.35, 2) * extent]
    blob = np.zeros(mask.shape, np.uint8)
    cv2.ellipse(blob, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return mask | (blob > 0) if rng.random() < 0.5 else mask & (blob == 0)


_DAMAGES = (_resize_outline, _shift, _cut_off, _ellipse)
