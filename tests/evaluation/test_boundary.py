"""Boundary IoU by hand, and against SciPy's chessboard distances."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ioebss.errors import UsageError
from ioebss.evaluation.boundary import boundary_iou, boundary_width, inner_boundary


@given(arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14))), st.integers(1, 4))
def test_boundary_equals_the_pixels_near_the_outside(mask: np.ndarray, width: int) -> None:
    distance = scipy.ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
    assert np.array_equal(inner_boundary(mask, width), mask & (distance <= width))


def test_width_is_two_hundredths_of_the_diagonal() -> None:
    assert boundary_width(300, 400) == 10
    assert boundary_width(3, 4) == 1


def test_by_hand() -> None:
    valid = np.ones((30, 40), bool)  # a diagonal of 50: outlines of 1 pixel
    truth, inside = np.zeros((2, 30, 40), bool)
    truth[5:15, 5:15] = True
    inside[5:15, 5:14] = True
    # Rings of 36 and of 34 pixels share all of the three sides but the corners of the fourth.
    assert boundary_iou(inside, truth, valid) == pytest.approx(26 / (36 + 34 - 26))
    assert boundary_iou(truth, truth, valid) == 1
    assert boundary_iou(np.zeros_like(truth), truth, valid) == 0
    assert boundary_iou(np.zeros_like(truth), np.zeros_like(truth), valid) == 1
    valid[:, 13:] = False  # where they differ
    assert boundary_iou(inside, truth, valid) == 1


def test_masks_that_differ_only_on_void_are_equal() -> None:
    valid = np.ones((30, 40), bool)
    truth, beyond = np.zeros((2, 30, 40), bool)
    truth[5:15, 5:15] = True
    valid[4:16, 14] = False  # the last column of the object is void, as VOC's outlines are
    beyond[5:15, 5:14] = True  # ends where the void begins: its outline is one column further in
    assert boundary_iou(beyond, truth, valid) == 1
    valid[:, 10:30] = False
    beyond[:, 10:30] = True
    assert boundary_iou(beyond, truth, valid) == 1


def test_a_hole_in_the_middle_of_a_large_mask_costs_more_than_its_area() -> None:
    valid = np.ones((100, 100), bool)
    truth = np.zeros((100, 100), bool)
    truth[10:90, 10:90] = True
    holed = truth.copy()
    holed[45:55, 45:55] = False
    assert boundary_iou(holed, truth, valid) < 0.9 < 1 - 100 / 6400


def test_masks_that_do_not_fit_are_refused() -> None:
    mask = np.ones((4, 5), bool)
    with pytest.raises(UsageError, match="shape"):
        boundary_iou(mask[:1], mask, mask)
