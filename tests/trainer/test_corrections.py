"""Corrections of a batch against SciPy's distances and the clicks of one mask at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ioebss.click_planes import DISCS, DISTANCES, add_click, click_planes
from ioebss.clicks import BACKGROUND, FOREGROUND, Click
from ioebss.simulation import correction_click
from ioebss.trainer.corrections import (
    Corrections,
    by_shifts,
    corrections,
    draw_corrections,
    squared_depths,
)

SIDES = st.sampled_from([1, 2, 5, 32, 63])


def regions_of(seed: int, side: int) -> np.ndarray:
    """Blobs, specks, nothing and all."""
    noise = np.random.default_rng(seed).random((2, 2, side, side))
    smooth = ndimage.gaussian_filter(noise, (0, 0, 3, 3))
    regions = smooth > np.median(smooth)
    regions[0, 1] = noise[0, 1] < 0.9
    regions[1, 1] = seed % 2
    return regions


def squared_by_scipy(region: np.ndarray) -> np.ndarray:
    distance = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    return np.rint(distance**2).astype(int)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), side=SIDES)
def test_depths_are_those_of_scipy(seed: int, side: int) -> None:
    regions = regions_of(seed, side)
    expected = [[squared_by_scipy(region) for region in pair] for pair in regions]
    for depths in (by_shifts, squared_depths):
        np.testing.assert_array_equal(depths(torch.from_numpy(regions)).numpy(), expected)


@pytest.mark.parametrize("side", [256, 257, 400])
def test_the_deepest_regions_fit_the_integers(side: int) -> None:
    whole = np.ones((1, 1, side, side), bool)
    depths = by_shifts(torch.from_numpy(whole)).numpy()
    np.testing.assert_array_equal(depths[0, 0], squared_by_scipy(whole[0, 0]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), chance=st.floats(0, 1, exclude_max=True))
def test_a_click_is_in_the_inner_half_of_the_larger_error(seed: int, chance: float) -> None:
    (prediction, truth), (other, void) = regions_of(seed, 32)
    valid = ~void & other
    batch = [torch.from_numpy(m)[None] for m in (prediction, truth, valid)]
    clicks = corrections(*batch, torch.tensor([chance], dtype=torch.float64))
    missed = squared_by_scipy(truth & ~prediction & valid)
    wrong = squared_by_scipy(~truth & prediction & valid)
    larger = missed if missed.max() >= wrong.max() else wrong
    assert bool(clicks.found) == bool(larger.max() > 0)
    if clicks.found:
        assert clicks.plane.item() == int(larger is wrong)
        assert 4 * larger[clicks.y.item(), clicks.x.item()] >= larger.max()


def test_every_pixel_of_the_inner_half_has_the_same_chance() -> None:
    truth = torch.zeros(1, 9, 9, dtype=torch.bool)
    truth[0, 2:7, 2:7] = True  # depths 1, 2, 3: nine pixels are half as deep as the centre
    nothing, valid = torch.zeros_like(truth), torch.ones_like(truth)
    where = []
    for part in range(9):
        chance = torch.tensor([(part + 0.5) / 9], dtype=torch.float64)
        click = corrections(nothing, truth, valid, chance)
        where.append((click.y.item(), click.x.item()))
    assert where == [(y, x) for y in (3, 4, 5) for x in (3, 4, 5)]


class Which:
    """Randomness that takes the candidate with a given rank, and notes them all."""

    def __init__(self, chance: float) -> None:
        self.chance, self.candidates = chance, np.zeros(0, int)

    def choice(self, candidates: np.ndarray) -> int:
        self.candidates = candidates
        return int(candidates[int(self.chance * len(candidates))])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    chance=st.floats(0, 1, exclude_max=True),
    side=st.sampled_from([1, 5, 32]),
)
def test_a_click_of_a_batch_is_that_of_one_mask(seed: int, chance: float, side: int) -> None:
    (prediction, truth), (other, void) = regions_of(seed, side)
    triples = [(prediction, truth, ~void & other), (truth, prediction, other), (other,) * 3]
    batch = [torch.from_numpy(np.stack(masks)) for masks in zip(*triples, strict=True)]
    clicks = corrections(*batch, torch.full((3,), chance, dtype=torch.float64))
    for i, masks in enumerate(triples):
        which = Which(chance)
        expected = correction_click(*masks, which)  # type: ignore[arg-type]
        assert bool(clicks.found[i]) == (expected is not None)
        if expected is not None:
            found = (clicks.x[i].item(), clicks.y[i].item(), clicks.plane[i].item())
            assert found[1] * side + found[0] in which.candidates
            assert found == (expected.x, expected.y, int(expected.label == BACKGROUND))


@pytest.mark.parametrize("kind", [DISCS, DISTANCES])
def test_drawing_is_adding_clicks_one_by_one(kind: str) -> None:
    side, radius = 24, 5
    rng = np.random.default_rng(7)
    start = [click_planes(kind, [Click(3, 20, i % 2)], side, side, radius) for i in range(8)]
    planes = torch.from_numpy(np.stack(start))
    x, y, plane = rng.integers(0, side, 8), rng.integers(0, side, 8), np.arange(8) // 2 % 2
    found = np.arange(8) != 5
    clicks = Corrections(*(torch.from_numpy(a) for a in (x, y, plane, found)))
    draw_corrections(planes, clicks, kind, radius)
    for i, expected in enumerate(start):
        if found[i]:
            label = BACKGROUND if plane[i] else FOREGROUND
            add_click(kind, expected, Click(int(x[i]), int(y[i]), label), radius)
    np.testing.assert_array_equal(planes.numpy(), np.stack(start))
