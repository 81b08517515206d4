"""Poisson matting, on pictures composed by its own equation; and the solver below it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from ioebss.clicks import Click
from ioebss.evaluation.methods.poisson_matting import matte, trimap
from ioebss.evaluation.methods.poisson_solver import PoissonSolver
from ioebss.evaluation.methods.seeds import plant


def test_a_composed_alpha_is_recovered() -> None:
    # I = alpha F + (1 - alpha) B with constant F and B: equation 3 holds exactly.
    y, x = np.mgrid[:60, :80]
    alpha = np.clip(gaussian_filter(((x - 40) ** 2 + (y - 30) ** 2 < 300).astype(float), 4), 0, 1)
    front, back = np.array([220.0, 60.0, 40.0]), np.array([30.0, 90.0, 200.0])
    photo = np.rint(alpha[..., None] * front + (1 - alpha[..., None]) * back).astype(np.uint8)
    found = matte(photo, alpha > 0.99, alpha < 0.01, rounds=1, contrast=0.1)
    assert np.abs(found - alpha).max() < 0.03
    # Without the photo's gradients, harmonic interpolation would be far from it.
    flat = matte(np.full_like(photo, 90), alpha > 0.99, alpha < 0.01, rounds=1, contrast=0.1)
    assert np.abs(flat - alpha).max() > 0.1


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 40))
def test_the_solver_finds_the_field_that_the_differences_came_from(seed, height, width) -> None:
    rng = np.random.default_rng(seed)
    field = rng.random((height, width))
    unknown = rng.random(field.shape) < 0.9
    unknown[0, 0], unknown[-1, -1] = False, True
    given_ = np.where(unknown, 0.5, field)
    found = PoissonSolver(unknown).solve(given_, np.diff(field, axis=0), np.diff(field, axis=1))
    np.testing.assert_array_equal(found[~unknown], field[~unknown])
    assert np.abs(found - field).max() < 0.01


def test_a_trimap_is_sure_where_a_colour_is_much_more_like_one_side() -> None:
    lab = np.zeros((40, 60, 3), np.float32)
    lab[:, 20:40, 0] = 50  # half way between the clicks' colours
    lab[:, 40:, 0] = 100
    clicks = [Click(8, 20, 1), Click(50, 20, 0)]
    lab[:2] = lab[-2:] = lab[:, :2] = lab[:, -2:] = 100  # the frame is like the background
    foreground, background = trimap(lab, plant(clicks, 40, 60, 5), sure=0.3)
    inner = (slice(2, -2), slice(2, -2))
    columns = np.broadcast_to(np.arange(60), (40, 60))[inner]
    np.testing.assert_array_equal(foreground[inner], columns < 20)
    np.testing.assert_array_equal(background[inner], columns >= 40)
    assert background[0].all() and background[:, 0].all()


@pytest.mark.parametrize("sure", [0, 1])
def test_a_trimap_without_one_side_is_left_as_it_is(sure: int) -> None:
    foreground, background = np.zeros((2, 8, 9), bool)
    (foreground if sure else background)[3, 3] = True
    alpha = matte(np.zeros((8, 9, 3), np.uint8), foreground, background, 1, 0.1)
    np.testing.assert_array_equal(alpha, foreground)
