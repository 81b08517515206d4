"""Simulated clicks must not depend on where arrays lie in memory: resuming relies on it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from ioebss.simulation import interior_distance


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.floats(0, 1),
)
def test_distances_are_roots_of_integers_to_the_bit(
    seed: int, height: int, width: int, share: float
) -> None:
    region = np.random.default_rng(seed).random((height, width)) < share
    exact = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    expected = np.sqrt(np.rint(exact**2)).astype(np.float32)
    assert np.array_equal(interior_distance(region), expected)


def test_large_regions_too() -> None:
    ys, xs = np.mgrid[:601, :640]
    region = np.hypot(ys - 300, (xs - 320) * 0.95) < 290
    exact = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    expected = np.sqrt(np.rint(exact**2)).astype(np.float32)
    assert expected.max() > 250
    assert np.array_equal(interior_distance(region), expected)
