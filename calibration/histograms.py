"""Histograms of activations that stay small whatever comes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization.calibrate import HistogramCollector

BINS = 1024  # a multiple of 4; with ONNX Runtime's 128, entropy has nothing to choose from

# Counts, edges, least and greatest value, and how far the histogram reaches from 0 to both sides.
Histogram = tuple[NDArray[Any], NDArray[Any], Any, Any, Any]


class BoundedHistograms(HistogramCollector):  # type: ignore[misc]
    """ONNX Runtime's collector, but for what it does when a value lies beyond the histogram.

    It would add bins of the same width: as many as memory holds where an activation is nearly 0 on
    the first input. Here two neighbouring bins become one until the value fits.
    """

    def merge_histogram(
        self,
        old_histogram: Histogram,
        data_arr: NDArray[np.float32],
        new_min: Any,
        new_max: Any,
        new_threshold: Any,
    ) -> Histogram:
        """A histogram with more values; it keeps its number of bins.

        Args:
            old_histogram: of the values before.
            data_arr: float32 (n,), the values to add.
            new_min, new_max, new_threshold: their least, greatest and greatest absolute value.
        """
        counts, _, low, high, reach = old_histogram
        if reach == 0 < new_threshold:  # all were 0: they lie in the bin right of the middle
            reach, middle = new_threshold, len(counts) // 2
            counts = np.bincount([middle], [counts.sum()], len(counts)).astype(counts.dtype)
        while reach < new_threshold:
            reach = reach * 2
            quarter = len(counts) // 4
            counts = np.pad(counts.reshape(-1, 2).sum(1), quarter)
        added, edges = np.histogram(data_arr, len(counts), range=(-reach, reach))
        return counts + added, edges, min(low, new_min), max(high, new_max), reach
