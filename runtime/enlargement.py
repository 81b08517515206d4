"""Logits in the network's resolution to masks and probabilities in the photo's.

Enlarging is bilinear, pixel centres lie at half-integers, all arithmetic is float32, along rows
first. Outside the window that the network saw everything is background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ioebss import resampling
from ioebss.resampling import lerp, sigmoid, sources, strips
from ioebss.windows import Window


def logits_to_mask(
    logits: NDArray[np.float32], window: Window, height: int, width: int
) -> NDArray[np.bool_]:
    """Where bilinearly enlarged logits are positive.

    Pixels between four positive logits are foreground, and between four that are not positive
    background, without arithmetic: only the outline is interpolated, and the cost is little more
    than writing the mask.

    Args:
        logits: float32 (h, w), foreground minus background.
        window: the part of the photo that they stand for.
        height, width: of the photo.

    Returns:
        bool (height, width).
    """
    mask = np.zeros((height, width), bool)
    place = _Place.of(logits, window, height, width)
    positive = logits > 0
    every, some = _over_cells(positive, np.logical_and), _over_cells(positive, np.logical_or)
    part = mask[place.rows, place.columns]
    wide = every.take(place.left, 1)
    for strip in strips(*part.shape):
        part[strip] = wide.take(place.above[strip], 0)
    _interpolate_cells(part, logits, place, *np.nonzero(some & ~every))
    return mask


def logits_to_probability(
    logits: NDArray[np.float32], window: Window, height: int, width: int
) -> NDArray[np.float32]:
    """Foreground probability, the sigmoid of bilinearly enlarged logits: float32 (height, width).
    See `logits_to_mask`.
    """
    result = np.zeros((height, width), np.float32)
    place = _Place.of(logits, window, height, width)
    part = result[place.rows, place.columns]
    wide = lerp(logits, place.left, place.across, axis=1)
    for strip in strips(*part.shape):
        values = lerp(wide, place.above[strip], place.down[strip][:, None], axis=0)
        part[strip] = sigmoid(values)
    return result


@dataclass(frozen=True)
class _Place:
    """Where logits go: rows and columns of the photo, and for each of those the logit above (left)
    of it and the weight of the one below (right)."""

    rows: slice
    columns: slice
    above: NDArray[np.intp]
    down: NDArray[np.float32]
    left: NDArray[np.intp]
    across: NDArray[np.float32]

    @classmethod
    def of(cls, logits: NDArray[np.float32], window: Window, height: int, width: int) -> _Place:
        y0, x0, y1, x1 = window.y0, window.x0, min(window.y1, height), min(window.x1, width)
        above, down, _ = sources(logits.shape[0], y0, window.y1, y0, y1, y1 - y0)
        left, across, _ = sources(logits.shape[1], x0, window.x1, x0, x1, x1 - x0)
        return cls(slice(y0, y1), slice(x0, x1), above, down, left, across)


def _over_cells(positive: NDArray[np.bool_], combine: np.ufunc) -> NDArray[np.bool_]:
    """Combines the four neighbours of each cell; an axis of one logit has one cell."""
    for axis in (0, 1):
        if positive.shape[axis] > 1:
            before, after = np.split(positive, [1], axis)[1], np.split(positive, [-1], axis)[0]
            positive = combine(before, after)
    return positive


def _interpolate_cells(
    part: NDArray[np.bool_],
    logits: NDArray[np.float32],
    place: _Place,
    cell_rows: NDArray[np.intp],
    cell_columns: NDArray[np.intp],
) -> None:
    """Fills the pixels between some logits: a cell has its first logit's indices."""
    tops, bottoms = _ranges(place.above, logits.shape[0])
    lefts, rights = _ranges(place.left, logits.shape[1])
    tall, broad = (bottoms - tops).max(initial=0), (rights - lefts).max(initial=0)
    seen = (tops < bottoms)[cell_rows] & (lefts < rights)[cell_columns]
    cell_rows, cell_columns = cell_rows[seen], cell_columns[seen]
    step = max(1, resampling.STRIP_PIXELS // max(1, tall * broad))
    for start in range(0, len(cell_rows), step):
        i, j = cell_rows[start : start + step], cell_columns[start : start + step]
        # Cells differ by a pixel in size: the smaller ones do their last row or column again.
        ys = np.minimum(tops[i][:, None] + np.arange(tall), bottoms[i][:, None] - 1)
        xs = np.minimum(lefts[j][:, None] + np.arange(broad), rights[j][:, None] - 1)
        below, right = np.minimum(i + 1, len(logits) - 1), np.minimum(j + 1, logits.shape[1] - 1)
        across, down = place.across[xs], place.down[ys][:, :, None]
        upper = _between(logits[i, j][:, None], logits[i, right][:, None], across)
        lower = _between(logits[below, j][:, None], logits[below, right][:, None], across)
        values = _between(upper[:, None, :], lower[:, None, :], down)
        part[ys[:, :, None], xs[:, None, :]] = values > 0


def _ranges(before: NDArray[np.intp], length: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each cell along an axis, the first of its pixels and the one after its last."""
    cells = np.arange(max(length - 1, 1))
    return np.searchsorted(before, cells, "left"), np.searchsorted(before, cells, "right")


def _between(
    low: NDArray[np.float32], high: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    return (high - low) * weight + low
