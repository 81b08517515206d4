"""Each method on a picture where what its literature says can be worked out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioebss.evaluation.methods.active_contour import ActiveContour
from ioebss.evaluation.methods.grab_cut import GrabCut
from ioebss.evaluation.methods.graph_cut import GraphCut
from ioebss.evaluation.methods.slic import Slic
from ioebss.evaluation.methods.watershed import Watershed
from ioebss.overlap import iou

HEIGHT, WIDTH = 40, 60
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def textured(truth, seed=0):
    """Foreground in reds of two kinds, background in greens of two kinds, pixel by pixel: only the
    colours tell them apart, no edge does."""
    kinds = np.random.default_rng(seed).integers(0, 2, truth.shape)
    reds, greens = ((220, 30, 30), (150, 20, 60)), ((20, 150, 40), (60, 220, 90))
    return np.where(truth[..., None], np.array(reds)[kinds], np.array(greens)[kinds]).astype("u1")


@settings(max_examples=10)
@given(st.integers(8, 25), st.integers(8, 14), st.integers(12, 24), st.integers(12, 16))
def test_watersheds_lie_on_the_ridge_between_two_basins(left, top, width, height) -> None:
    # A step in brightness is a ridge of the gradient: the dam is there, and not in the middle
    # between the click and the frame.
    truth = np.zeros((HEIGHT, WIDTH), bool)
    truth[top : top + height, left : left + width] = True
    photo = np.repeat(np.where(truth, np.uint8(180), np.uint8(60))[..., None], 3, axis=2)
    mask = Watershed().open(photo).click(left + width // 2, top + height // 2)
    grown = cv2.dilate(truth.astype(np.uint8), np.ones((3, 3))) == 1
    shrunk = cv2.erode(truth.astype(np.uint8), np.ones((3, 3))) == 1
    assert mask[shrunk].all() and not mask[~grown].any()


def test_graph_cut_knows_objects_by_the_colours_of_the_clicks() -> None:
    truth = np.zeros((HEIGHT, WIDTH), bool)
    truth[10:30, 15:45] = True
    session = GraphCut().open(textured(truth))
    session.click(30, 20)
    mask = session.click(6, 6, 0)
    assert iou(mask, truth, EVERYWHERE) > 0.95


def test_grab_cut_finds_a_disc_of_two_colours_from_one_click() -> None:
    truth = np.zeros((HEIGHT, WIDTH), bool)
    cv2.circle(truth.view(np.uint8), (30, 20), 11, 1, -1)
    assert iou(GrabCut().open(textured(truth)).click(30, 20), truth, EVERYWHERE) > 0.95


def test_chan_vese_parts_two_noisy_regions_without_an_edge() -> None:
    # Chan & Vese 2001, figure 3: two constants, so much noise that no single gradient means
    # anything.
    y, x = np.mgrid[:120, :160]
    truth = (x - 80) ** 2 + (y - 60) ** 2 < 30**2
    values = np.where(truth, 150, 90)[..., None] + np.random.default_rng(0).normal(
        0, 15, (120, 160, 3)
    )
    session = ActiveContour().open(np.clip(values, 0, 255).astype(np.uint8))
    session.click(80, 60)
    mask = session.click(20, 20, 0)
    assert iou(mask, truth, np.ones_like(truth)) > 0.9


def test_the_contour_moves_from_the_middle_to_the_object() -> None:
    # Half way between click and frame is far outside a small disc in noise: what finds the disc is
    # the evolution of the contour.
    y, x = np.mgrid[:120, :160]
    truth = (x - 80) ** 2 + (y - 60) ** 2 < 20**2
    noise = np.random.default_rng(1).normal(0, 12, (120, 160, 3))
    photo = np.clip(np.where(truth, 150, 90)[..., None] + noise, 0, 255).astype(np.uint8)
    everywhere = np.ones_like(truth)
    moved = ActiveContour().open(photo).click(80, 60)
    start = ActiveContour(rounds=0).open(photo).click(80, 60)
    assert iou(start, truth, everywhere) < 0.6
    assert iou(moved, truth, everywhere) > 0.9


def test_a_contour_that_was_wrong_is_not_kept() -> None:
    # On a photo without objects contours go astray; what the last click gives depends on the
    # clicks alone, not on the masks before.
    noise = np.random.default_rng(2).normal(0, 1, (80, 120, 3))
    photo = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    clicks = [(35, 40, 1), (60, 40, 0), (85, 40, 1), (60, 70, 0), (20, 20, 1)]
    one, other = (ActiveContour().open(photo.astype(np.uint8)) for _ in range(2))
    masks = [one.click(*click) for click in clicks]
    for click in (clicks[2], clicks[3], clicks[4], clicks[0], clicks[1]):
        last = other.click(*click)
    np.testing.assert_array_equal(last, masks[-1])
    assert 0.1 < last.mean() < 0.9


def test_superpixels_are_joined_along_their_likeness() -> None:
    # A snake of one colour: its far end is nearer to the background click as the crow flies.
    photo = np.full((80, 120, 3), (40, 60, 160), np.uint8)
    snake = np.zeros((80, 120), bool)
    snake[10:25, 10:110] = snake[10:70, 95:110] = snake[55:70, 30:110] = True
    photo[snake] = (230, 200, 40)
    session = Slic().open(photo)
    session.click(15, 17)
    mask = session.click(40, 45, 0)
    assert iou(mask, snake, np.ones_like(snake)) > 0.93


@pytest.mark.parametrize("factory", [GraphCut, GrabCut, Watershed, Slic])
def test_a_correction_stays_with_the_piece_that_it_means(factory, square) -> None:
    # Two equal squares: the second is told off, or never taken; the first stays.
    photo, truth = square()
    both = np.concatenate([photo, photo], axis=1)
    session = factory().open(both)
    session.click(50, 40)
    mask = session.click(150, 40, 0)
    assert iou(mask[:, :100], truth, np.ones_like(truth)) > 0.9
    assert not mask[:, 100:].any()
