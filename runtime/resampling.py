"""Between the photo's resolution and the network's. All is separable and in float32, positions are
in integers, pixel centres lie at half-integers; memory beyond the result is a few strips of rows.
Where photos are resized OpenCV computes, whose last bits depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.windows import Window

STRIP_PIXELS = 1 << 20  # pixels of a photo worked on at a time


def photo_to_network(photo: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """The photo in the network's resolution.

    Along an axis that shrinks, each network pixel is the mean of the photo area that it covers
    (fractions of pixels included); along one that grows, it is interpolated linearly. Nothing is
    rounded to integers.

    Args:
        photo: uint8 (H, W, 3).
        height, width: of the result.

    Returns:
        float32 (3, height, width), 0..255.
    """
    small = _shrunk(photo, height, width)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


def mask_to_network(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.float32]:
    """The share of each network pixel that a mask covers: float32 (height, width), 0..1."""
    return np.ascontiguousarray(_shrunk(mask, height, width))


def _shrunk(image: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """The image at another size, its longer axis first: what lies between stays small."""
    if image.shape[0] > image.shape[1]:
        return np.swapaxes(_shrunk(np.swapaxes(image, 0, 1), width, height), 0, 1)
    rows, columns = image.shape[:2]
    narrow = np.empty((rows, width, *image.shape[2:]), np.float32)
    for strip in strips(rows, columns):
        piece = np.ascontiguousarray(image[strip], np.float32)
        narrow[strip] = _resize(piece, piece.shape[0], width)
    return _resize(narrow, height, width)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def moved(
    values: NDArray[np.float32], window: Window, target: Window, height: int, width: int
) -> NDArray[np.float32]:
    """Values of one window, seen from another: bilinear, and 0 outside the first.

    Args:
        values: float32 (h, w).
        window: the part of the photo that they stand for.
        target: the part to show.
        height, width: of the result.
    """
    rows, down, inside_y = sources(
        values.shape[0], window.y0, window.y1, target.y0, target.y1, height
    )
    columns, across, inside_x = sources(
        values.shape[1], window.x0, window.x1, target.x0, target.x1, width
    )
    result = lerp(values, columns, across, axis=1)
    result = lerp(result, rows, down[:, None], axis=0)
    result[~inside_y] = 0
    result[:, ~inside_x] = 0
    return result


def sources(
    length: int, start: int, end: int, first: int, last: int, count: int
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
    """Where the centres of `count` pixels that cover first..last lie among `length` pixels that
    cover start..end, along one axis.

    Returns:
        For each, the index of the pixel before it (at most length - 2, where there are two), the
        weight of the one after (0..1), and whether it lies within start..end.
    """
    # In integers, so that every language gets the same: twice `count` times the distance of the
    # pixel centre from `start` is `place`, out of `whole`.
    place = 2 * count * (first - start) + (2 * np.arange(count) + 1) * (last - first)
    whole = 2 * count * (end - start)
    scaled = np.clip(2 * place * length - whole, 0, 2 * whole * (length - 1))
    before = np.minimum(scaled // (2 * whole), max(length - 2, 0))
    weight = ((scaled - 2 * whole * before) / (2 * whole)).astype(np.float32)
    return before, weight, (place >= 0) & (place < whole)


def lerp(
    values: NDArray[np.float32], before: NDArray[np.intp], weight: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Linear interpolation along an axis, with the indices and weights of `sources`."""
    after = np.minimum(before + 1, values.shape[axis] - 1)
    low = values.take(before, axis)
    high: NDArray[np.float32] = values.take(after, axis)
    high -= low
    high *= weight
    high += low
    return high


def strips(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows that hold about `STRIP_PIXELS` pixels each."""
    step = max(1, STRIP_PIXELS // columns)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def _resize(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """One axis at a time: area means where it shrinks, linear where it grows."""
    if (height, width) == image.shape[:2]:
        return image
    shrinks = height < image.shape[0] or width < image.shape[1]
    if not shrinks:
        return _linear(image, height, width)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.float32)


def _linear(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)
