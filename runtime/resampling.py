"""Between the photo's resolution and the network's. All is separable, pixel centres lie at
half-integers, and every language gets the same bits: positions and weights are integers, photos are
summed exactly and divided once, and what is in float32 is plain IEEE arithmetic in a given order,
never fused. The CUDA kernels and the C++ library do the same (`runtime/kernels/arithmetic.h`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.windows import Window

STRIP_PIXELS = 1 << 20  # pixels of a photo worked on at a time
_STRIP = 1 << 15  # values worked on at a time: they stay in a processor's cache


def photo_to_network(photo: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """The photo in the network's resolution.

    Along an axis that shrinks, each network pixel is the mean of the photo area that it covers
    (fractions of pixels included); along one that grows, it is interpolated linearly. The exact
    result, rounded once to float32.

    Args:
        photo: uint8 (H, W, 3).
        height, width: of the result.

    Returns:
        float32 (3, height, width), 0..255.
    """
    return np.ascontiguousarray(_resized(photo, height, width).transpose(2, 0, 1))


def mask_to_network(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.float32]:
    """The share of each network pixel that a mask covers: float32 (height, width), 0..1."""
    return np.ascontiguousarray(_resized(mask.view(np.uint8), height, width))


@lru_cache(maxsize=16)
def taps(length: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.int64], int]:
    """Which of `length` pixels make each of `count` along one axis, and with what weights.

    Returns:
        Indices (K, count), weights (K, count) from 0, and what the weights of each sum up to.
    """
    i = np.arange(count)
    if count < length:  # in units of 1/count of a pixel, each is length wide
        first, total = i * length // count, length
        reach = int((-(-(i + 1) * length // count) - first).max())
        index = first + np.arange(reach)[:, None]
        ends = np.minimum((index + 1) * count, (i + 1) * length)
        weight = np.maximum(ends - np.maximum(index * count, i * length), 0)
    else:  # in units of 1/(2 count), centres counted from that of the first pixel
        total = 2 * count
        place = np.clip((2 * i + 1) * length - count, 0, total * (length - 1))
        first = np.minimum(place // total, max(length - 2, 0))
        after = place - total * first
        index, weight = np.stack([first, first + 1]), np.stack([total - after, after])
    for array in (index := np.minimum(index, length - 1), weight):
        array.flags.writeable = False  # it is cached
    return index, weight, total


def _resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """uint8 (H, W, ...) at another size, exact until it is divided."""
    if height * image.shape[1] > 4 * width * image.shape[0]:  # far wider than what it becomes
        return np.swapaxes(_resized(np.swapaxes(image, 0, 1), width, height), 0, 1)
    rows, row_weights, row_total = taps(image.shape[0], height)
    columns, column_weights, column_total = taps(image.shape[1], width)
    whole = row_total * column_total
    # float64 holds whole numbers up to 2^53: 120 megapixels of 255, times the weights, are less.
    dtype = np.int32 if 255 * whole < 1 << 31 else np.float64
    result = np.empty((height, width, *image.shape[2:]), np.float32)
    step = max(1, _STRIP // image[0].size)
    for start in range(0, height, step):
        strip = slice(start, start + step)
        sums = _weighed(image, rows[:, strip], row_weights[:, strip], 0, dtype)
        sums = _weighed(sums, columns, column_weights, 1, dtype)
        np.divide(sums, np.float64(whole), out=result[strip], casting="same_kind")
    return result


def _weighed(
    image: NDArray[Any],
    index: NDArray[np.intp],
    weight: NDArray[np.int64],
    axis: int,
    dtype: type[np.generic],
) -> NDArray[Any]:
    """The weighted sums along an axis."""
    shape = [-1 if i == axis else 1 for i in range(image.ndim)]
    sums: NDArray[Any] = np.zeros((), dtype)
    for pixels, weights in zip(index, weight.astype(dtype), strict=True):
        part = np.multiply(image.take(pixels, axis), weights.reshape(shape), dtype=dtype)
        sums = np.add(part, sums, out=part)
    return sums


_LOG2_E = np.float32(1.4426950408889634)
# ln 2 in two parts: the first has few enough bits that its product with 0..126 is exact.
_LN2_HIGH, _LN2_LOW = np.float32(0.693145751953125), np.float32(1.428606765330187e-06)
_SERIES = [np.float32(1 / math.factorial(n)) for n in range(6, -1, -1)]  # of exp
_FARTHEST = np.float32(87)  # beyond it exp(-x) is no normal float32


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)) to a few units in the last place, without overflow; NaN gives 0.

    exp(-|x|) is 2^-k times the series of exp around 0, with k the nearest integer to |x| log2(e):
    library functions differ in their last bits from machine to machine, this does not.
    """
    values = np.ascontiguousarray(logits, np.float32).ravel()
    result = np.empty_like(values)
    for start in range(0, len(values), _STRIP):
        _sigmoid(values[start : start + _STRIP], result[start : start + _STRIP])
    return result.reshape(logits.shape)


def _sigmoid(logits: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    distance = np.abs(logits)
    np.fmin(distance, _FARTHEST, out=distance)
    power = np.rint(distance * _LOG2_E)
    rest = power * _LN2_HIGH
    rest -= distance
    rest += power * _LN2_LOW
    series = rest * _SERIES[0]
    series += _SERIES[1]
    for coefficient in _SERIES[2:]:
        series *= rest
        series += coefficient
    scale = power.astype(np.int32)
    np.subtract(127, scale, out=scale)
    np.left_shift(scale, 23, out=scale)
    series *= scale.view(np.float32)  # 2^-power, by its exponent
    # 1 where the logit is not negative, else exp of it, which is 1 at most.
    np.maximum(logits >= 0, series, out=result)
    series += 1
    result /= series


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
    # Twice `count` times the distance of the pixel centre from `start` is `place`, out of `whole`:
    # integers, which stay small where a pixel counts for a whole number of others or a pixel.
    common = math.gcd(count, last - first)
    indices = np.arange(count)
    count, span = count // common, (last - first) // common
    place = 2 * count * (first - start) + (2 * indices + 1) * span
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
