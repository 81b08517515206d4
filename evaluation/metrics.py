"""Means over objects, with how sure they are. Plain arithmetic on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ioebss.errors import UsageError

RESAMPLES = 10_000
LEVEL = 0.95
CHUNK = 1 << 20  # values drawn at once


@dataclass(frozen=True)
class Estimate:
    """A mean over objects, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


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
    # In parts: all at once would take gigabytes for a data set of a thousand photos.
    step = max(1, CHUNK // array.size)
    counts = [min(step, resamples - done) for done in range(0, resamples, step)]
    means = np.concatenate(
        [array[rng.integers(array.size, size=(n, array.size))].mean(axis=1) for n in counts]
    )
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(float(array.mean()), float(low), float(high))
