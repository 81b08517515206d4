"""The clicks that DIOS was trained on (Xu et al. 2016, section 3.2): random points on the object,
and points off it by one of three strategies.

The text could not be consulted when this was written: numbers and strategies are from memory of it
and of the work after it, and unconfirmed. Of `STEP` there is a doubt, the published one may be 10.
Lengths are in pixels of photos of Pascal VOC, some 500 pixels wide, and are scaled to the sample's
size.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click
from ioebss.simulation import Mask, interior_distance
from ioebss.trainer.datasets.transforms import Target

LENGTHS_AT = 500  # pixels: longer side of the photos that the lengths are for
STEP = 40  # least distance between two clicks; unconfirmed
MARGIN = 5  # least distance between a click and the object's outline
REACH = 40  # greatest distance of a click near the object
ON_OBJECT = 5  # at most, at least one
AROUND, ON_EACH_OTHER, ALONG = 10, 5, 10  # at most; the last strategy sets all

Points = list[tuple[int, int]]  # (x, y)


def dios_clicks(target: Target, rng: np.random.Generator) -> list[Click]:
    """1 to 5 clicks on the object, and off it those of a strategy drawn at random: around the
    object, on each of the other objects, or along the object's outline.

    Clicks keep a distance from each other and from the outline; where that leaves no room there are
    fewer. No click falls on void.
    """
    unit = max(target.mask.shape) / LENGTHS_AT
    valid = ~target.void
    strategies: tuple[Callable[..., Points], ...] = (around, on_others, along)
    strategy = strategies[int(rng.integers(len(strategies)))]
    on = inside(target.mask & valid, int(rng.integers(1, ON_OBJECT + 1)), unit, rng)
    off = strategy(target, unit, rng)
    return [Click(x, y, FOREGROUND) for x, y in on] + [Click(x, y, BACKGROUND) for x, y in off]


def inside(region: Mask, count: int, unit: float, rng: np.random.Generator) -> Points:
    """Up to `count` random points of a region, `STEP` apart, `MARGIN` from its outline. A region
    too thin for that gets one, in its deepest pixels."""
    depth = interior_distance(region)
    if not depth.any():
        return []
    candidates = depth > min(MARGIN * unit, depth.max() * 0.999)
    return _spread(candidates, count, unit, rng)


def around(target: Target, unit: float, rng: np.random.Generator) -> Points:
    """Strategy 1: 0 to 10 random background points near the object."""
    count = int(rng.integers(0, AROUND + 1))
    return _spread(_ring(target, unit), count, unit, rng)


def on_others(target: Target, unit: float, rng: np.random.Generator) -> Points:
    """Strategy 2: 0 to 5 random points on each of the other objects; none where there are none."""
    points: Points = []
    others = np.zeros_like(target.mask) if target.others is None else target.others
    for label in np.unique(others[others > 0]):
        count = int(rng.integers(0, ON_EACH_OTHER + 1))
        points += inside(others == label, count, unit, rng)
    return points


def along(target: Target, unit: float, rng: np.random.Generator) -> Points:
    """Strategy 3: 10 points that surround the object: a random one near it, then always the one
    that is farthest from those before."""
    ring = _ring(target, unit)
    points: Points = []
    nearest = np.where(ring, np.inf, -1.0)
    for _ in range(min(ALONG, int(ring.sum()))):
        first = not points
        where = rng.choice(np.flatnonzero(ring)) if first else nearest.argmax()
        y, x = divmod(int(where), ring.shape[1])
        points.append((x, y))
        nearest = np.minimum(nearest, np.where(ring, _squared_distance(ring.shape, x, y), -1.0))
    return points


def _ring(target: Target, unit: float) -> Mask:
    """Background between `MARGIN` and `REACH` from the object."""
    if not target.mask.any():
        return np.zeros_like(target.mask)
    distance = cv2.distanceTransform(
        (~target.mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    near = (distance > MARGIN * unit) & (distance <= REACH * unit)
    return np.asarray(near & ~target.void, bool)


def _spread(candidates: Mask, count: int, unit: float, rng: np.random.Generator) -> Points:
    """Up to `count` random pixels of a mask, `STEP` apart; fewer where there is no room."""
    left = candidates.copy()
    points: Points = []
    while len(points) < count and left.any():
        y, x = divmod(int(rng.choice(np.flatnonzero(left))), left.shape[1])
        points.append((x, y))
        left &= _squared_distance(left.shape, x, y) >= (STEP * unit) ** 2
    return points


def _squared_distance(shape: tuple[int, ...], x: int, y: int) -> NDArray[np.int64]:
    """Of every pixel to one, int64 (H, W)."""
    rows, columns = np.arange(shape[0]) - y, np.arange(shape[1]) - x
    return np.asarray(np.add.outer(rows**2, columns**2), np.int64)
