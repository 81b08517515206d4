"""The cheapest cut, against every mask that there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioebss.errors import UsageError
from ioebss.evaluation.methods.max_flow import NEVER, contrast_weights, minimum_cut

SIDE = 3


def energy(mask, foreground, background, photo, smoothness) -> float:
    """Boykov & Jolly's energy, pair by pair."""
    height, width = mask.shape
    total = float(np.where(mask, foreground, background).sum())
    pairs = [
        ((y, x), (y + dy, x + dx))
        for y, x in product(range(height), range(width))
        for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))
        if 0 <= y + dy < height and 0 <= x + dx < width
    ]
    squared = [np.square(photo[p].astype(float) - photo[q].astype(float)).sum() for p, q in pairs]
    beta = 1 / (2 * np.mean(squared)) if np.mean(squared) else 0.0
    for (p, q), difference in zip(pairs, squared, strict=True):
        if mask[p] != mask[q]:
            total += smoothness * np.exp(-beta * difference) / np.hypot(p[0] - q[0], p[1] - q[1])
    return total


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 1.0, 4.0]))
def test_the_cut_costs_no_more_than_any_other_mask(seed: int, smoothness: float) -> None:
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    foreground, background = rng.random((2, SIDE, SIDE))
    found = minimum_cut(foreground, background, contrast_weights(photo), smoothness)
    masks = (np.array(bits).reshape(SIDE, SIDE) for bits in product((False, True), repeat=SIDE**2))
    least = min(energy(mask, foreground, background, photo, smoothness) for mask in masks)
    assert energy(found, foreground, background, photo, smoothness) == pytest.approx(least)


def test_the_cut_runs_along_the_edge_between_two_seeds() -> None:
    photo = np.zeros((20, 30, 3), np.uint8)
    photo[:, 21:] = 200
    foreground, background = np.zeros((2, 20, 30))
    background[10, 2] = foreground[10, 28] = NEVER
    mask = minimum_cut(foreground, background, contrast_weights(photo), 1.0)
    np.testing.assert_array_equal(mask, np.broadcast_to(np.arange(30) < 21, (20, 30)))


def test_without_smoothness_every_pixel_takes_its_cheaper_side() -> None:
    foreground, background = np.random.default_rng(0).random((2, 9, 12))
    weights = contrast_weights(np.zeros((9, 12, 3), np.uint8))
    mask = minimum_cut(foreground, background, weights, 0.0)
    np.testing.assert_array_equal(mask, foreground < background)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
def test_photos_of_one_row_or_column_can_be_cut(shape) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = minimum_cut(np.zeros(shape), np.ones(shape), contrast_weights(photo), 1.0)
    assert mask.shape == shape and mask.all()


def test_costs_that_make_no_sense_are_refused() -> None:
    zeros, weights = np.zeros((4, 5)), contrast_weights(np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(UsageError, match="costs are"):
        minimum_cut(zeros, np.zeros((5, 4)), weights, 1.0)
    with pytest.raises(UsageError, match="not finite"):
        minimum_cut(np.full((4, 5), np.inf), zeros, weights, 1.0)
    with pytest.raises(UsageError, match="smoothness"):
        minimum_cut(zeros, zeros, weights, -1.0)
