"""Damaged masks, judged by what was done to a drawn one."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from scipy.optimize import linprog

from ioebss.trainer.damage import damaged

Mask = np.ndarray


def ellipse(side: int, a: float, b: float) -> Mask:
    ys, xs = np.indices((side, side)) - side / 2
    return (xs / a) ** 2 + (ys / b) ** 2 <= 1


MASK = ellipse(64, 14, 9)
EXTENT = 29  # its longer side in pixels: from -14 to 14


def extent_of(mask: Mask) -> int:
    ys, xs = np.nonzero(mask)
    return max(np.ptp(ys), np.ptp(xs)) + 1


def is_shifted(result: Mask) -> bool:
    reach = range(-5, 6)  # 0.15 of the extent
    offsets = [(dy, dx) for dy in reach for dx in reach if dy or dx]
    return any(np.array_equal(result, np.roll(MASK, offset, (0, 1))) for offset in offsets)


def is_grown(result: Mask) -> bool:
    """All that is within some distance of the mask, give or take what a round kernel is off."""
    distance = distance_transform_edt(~MASK)
    reach = distance[result].max(initial=0)
    return 2 <= reach <= 0.1 * EXTENT + 1.5 and bool(result[distance <= reach - 1].all())


def is_shrunk(result: Mask) -> bool:
    distance = distance_transform_edt(MASK)
    taken = MASK & ~result
    reach = distance[taken].max(initial=0)
    near = MASK & (distance <= reach - 1)
    return 2 <= reach <= 0.1 * EXTENT + 1.5 and bool(taken[near].all() and not result[~MASK].any())


def is_cut_off(result: Mask) -> bool:
    """What is left and what is gone lie on two sides of a line: a linear program finds it."""
    kept, gone = np.argwhere(result), np.argwhere(MASK & ~result)
    if (result & ~MASK).any() or not len(gone) or not len(kept):
        return False
    # n . k - c <= 0 for what is kept, n . g - c >= 1 for what is gone
    rows = np.vstack([np.c_[kept, -np.ones(len(kept))], np.c_[-gone, np.ones(len(gone))]])
    limits = np.r_[np.zeros(len(kept)), -np.ones(len(gone))]
    return bool(linprog(np.zeros(3), rows, limits, bounds=[(None, None)] * 3).success)


def hull(region: Mask) -> Mask:
    points = np.argwhere(region)[:, ::-1].astype(np.int32)
    filled = cv2.fillConvexPoly(np.zeros(region.shape, np.uint8), cv2.convexHull(points), 1)
    return filled.astype(bool)


def is_bitten(result: Mask) -> bool:
    """What an ellipse takes from an ellipse is convex; so is what a line cuts off."""
    taken = MASK & ~result
    if taken.sum() < 12 or not result.any() or (result & ~MASK).any() or is_cut_off(result):
        return False
    return bool((hull(taken) & ~taken).sum() <= 0.05 * taken.sum())


def is_bulged(result: Mask) -> bool:
    """What an ellipse adds is convex but for the mask, and all on one side of its centre."""
    added = result & ~MASK
    if added.sum() < 12 or (MASK & ~result).any():
        return False
    ys, xs = np.nonzero(added)
    angles = np.sort(np.arctan2(ys - 32, xs - 32))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    return bool(gaps.max() > np.pi and (hull(added) & ~result).sum() <= 0.15 * added.sum())


@pytest.fixture(scope="module")
def results() -> list[Mask]:
    return [damaged(MASK, np.random.default_rng(seed)) for seed in range(240)]


@pytest.mark.parametrize(
    "kind", [is_shifted, is_grown, is_shrunk, is_cut_off, is_bitten, is_bulged]
)
def test_every_kind_of_damage_occurs(results: list[Mask], kind: Callable[[Mask], bool]) -> None:
    assert sum(map(kind, results)) >= 4


def test_most_are_wrong_but_still_about_the_object(results: list[Mask]) -> None:
    ious = np.array([(MASK & r).sum() / (MASK | r).sum() for r in results])
    assert (ious < 1).mean() > 0.9
    assert 0.4 < np.median(ious) < 0.9


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), a=st.floats(1, 30), b=st.floats(1, 30))
def test_damage_is_in_proportion_to_the_object(seed: int, a: float, b: float) -> None:
    mask = ellipse(160, a, b)
    before = mask.copy()
    result = damaged(mask, np.random.default_rng(seed))
    assert np.array_equal(mask, before), "the mask given stays as it is"
    assert result.shape == mask.shape and result.dtype == bool
    # At most three ellipses, each reaching at most 0.35 of the extent beyond the one before.
    reach = distance_transform_edt(~mask)[result].max(initial=0)
    assert reach <= 3 * (0.35 * extent_of(mask) + 1)


def test_the_same_generator_damages_alike() -> None:
    one, same, other = (damaged(MASK, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_an_empty_mask_stays_empty() -> None:
    for seed in range(40):
        assert not damaged(np.zeros((20, 30), bool), np.random.default_rng(seed)).any()
