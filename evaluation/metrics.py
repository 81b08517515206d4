"""The numbers that interactive segmentation is compared by. Plain arithmetic on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ioebss.errors import UsageError

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over objects, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def number_of_clicks(ious: ArrayLike, target: float) -> NDArray[np.int64]:
    """NoC@target (Xu et al. 2016): how many clicks each object takes to reach an IoU.

    Args:
        ious: (N, K), IoU of N objects after 1..K clicks.
        target: 0..1; an IoU equal to it has reached it.

    Returns:
        int64 (N,), 1..K. An object that never gets there counts K, as is customary; `failures`
        tells how many those are.
    """
    reached = _table(ious) >= target
    first = reached.argmax(axis=1) + 1
    return np.asarray(np.where(reached.any(axis=1), first, reached.shape[1]), np.int64)


def failures(ious: ArrayLike, target: float) -> int:
    """How many objects of `ious` (N, K) do not reach an IoU of `target` within all K clicks."""
    return int(np.count_nonzero(~(_table(ious) >= target).any(axis=1)))


def estimate(values: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The mean, with its 95 % percentile bootstrap interval (Efron 1979; Efron & Tibshirani 1993,
    section 13.3).

    Objects are drawn anew as if they were independent; several objects of one photo are not quite,
    so that the interval is a little too narrow where photos hold many.

    Args:
        values: (N,), one per object.
        resamples: how often N objects are drawn with replacement.
        seed: of the draws; the same seed and values give the same interval.

    Raises:
        UsageError: there are no values.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size:
        raise UsageError(f"a mean needs a list of values, not an array of shape {array.shape}")
    rng = np.random.default_rng(seed)
    # One draw at a time: all at once would take gigabytes for a data set of a thousand photos.
    means = [array[rng.integers(array.size, size=array.size)].mean() for _ in range(resamples)]
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(float(array.mean()), float(low), float(high))


def _table(ious: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(ious, np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise UsageError(f"IoUs come as (objects, clicks), not as an array of shape {table.shape}")
    return table
