"""Between the photo's resolution and the network's. All arithmetic is float32 and separable, so
that C++ and CUDA can do the same; pixel centres lie at half-integers; memory beyond the result is a
few strips of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

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
    for strip in _strips(rows, columns):
        piece = np.ascontiguousarray(image[strip], np.float32)
        narrow[strip] = _resize(piece, piece.shape[0], width)
    return _resize(narrow, height, width)


def logits_to_mask(logits: NDArray[np.float32], height: int, width: int) -> NDArray[np.bool_]:
    """Where bilinearly enlarged logits are positive.

    Args:
        logits: float32 (h, w), foreground minus background.
        height, width: of the photo.

    Returns:
        bool (height, width).
    """
    mask = np.empty((height, width), bool)
    for strip, values in _enlarged(logits, height, width):
        np.greater(values, 0, out=mask[strip])
    return mask


def logits_to_probability(
    logits: NDArray[np.float32], height: int, width: int
) -> NDArray[np.float32]:
    """Foreground probability, the sigmoid of bilinearly enlarged logits: float32 (height,
    width).
    """
    result = np.empty((height, width), np.float32)
    for strip, values in _enlarged(logits, height, width):
        result[strip] = sigmoid(values)
    return result


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def _enlarged(
    logits: NDArray[np.float32], height: int, width: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Strips of rows of the logits at the photo's resolution."""
    wide = _linear(logits, logits.shape[0], width)
    source = (np.arange(height) + 0.5) * (logits.shape[0] / height) - 0.5
    source = np.clip(source, 0, logits.shape[0] - 1)
    above = source.astype(np.intp)
    below = np.minimum(above + 1, logits.shape[0] - 1)
    weight = (source - above).astype(np.float32)[:, None]
    for strip in _strips(height, width):
        upper, lower = wide[above[strip]], wide[below[strip]]
        lower -= upper
        lower *= weight[strip]
        lower += upper
        yield strip, lower


def _strips(rows: int, columns: int) -> Iterator[slice]:
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
