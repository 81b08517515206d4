"""Histograms that keep their size, against NumPy's over all values at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss.calibration.histograms import BINS, BoundedHistograms


def collected(*parts: np.ndarray) -> tuple[np.ndarray, ...]:
    collector = BoundedHistograms("percentile", False, BINS, 128, 99.999, "same")
    for part in parts:
        collector.collect({"a": [part]})
    found: tuple[np.ndarray, ...] = collector.get_histogram_dict()["a"]
    return found


@given(
    exponents=st.lists(st.integers(-12, 12), min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1)
)
def test_it_is_the_histogram_of_all_values(exponents: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=50).astype(np.float32) * np.float32(4.0**e) for e in exponents]
    counts, edges, low, high, reach = collected(*parts)
    everything = np.concatenate(parts)
    assert len(counts) == BINS and counts.sum() == len(everything)
    assert (low, high) == (everything.min(), everything.max())
    greatest = np.abs(everything).max()
    assert greatest <= reach < 2 * greatest * 1.001
    expected, _ = np.histogram(everything, BINS, (-reach, reach))
    # Values on an edge may be counted on either side of it, once for each time bins were joined.
    assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 3
    assert edges[0] == pytest.approx(-reach) and edges[-1] == pytest.approx(reach)


def test_zeros_first() -> None:
    counts, _, low, high, reach = collected(np.zeros(7, np.float32), np.float32([-1, 0.5]))
    assert (low, high, reach) == (-1, 0.5, 1)
    assert counts[BINS // 2] == 7 and counts[0] == 1 and counts[3 * BINS // 4] == 1
    assert counts.sum() == 9
