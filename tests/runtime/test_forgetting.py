"""What is forgotten, against SciPy's distances, and what the network is shown in sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ioebss.clicks import Click
from ioebss.eye import Prediction
from ioebss.forgetting import is_contradicted
from ioebss.windows import Window, Zoom

from .squares import session_with_squares


def predicted(mask: np.ndarray, scale: int = 1) -> Prediction:
    """An answer to a window that starts at the photo's corner, `scale` photo pixels a logit."""
    window = Window(0, 0, mask.shape[1] * scale, mask.shape[0] * scale)
    return Prediction(window, window, np.where(mask, 2, -3).astype(np.float32), 1.0)


def square(side: int) -> np.ndarray:
    """A square of that side, the upper left corner at (10, 10), in 60 x 60 pixels."""
    mask = np.zeros((60, 60), bool)
    mask[10 : 10 + side, 10 : 10 + side] = True
    return mask


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [(14, 14, True), (24, 25, True), (13, 20, False), (20, 13, False), (26, 20, False)],
)
def test_deep_is_a_share_of_the_masks_own_size(x: int, y: int, expected: bool) -> None:
    """A square of 20: a quarter of it is 5 pixels, so 4 reach and 5 do not."""
    assert is_contradicted(predicted(square(20)), [Click(9, 9, 1), Click(x, y, 0)], 0.2) == expected


def test_only_the_newest_click_counts_and_only_the_first_three() -> None:
    last, on, off = predicted(square(20)), Click(12, 12, 1), Click(20, 20, 0)
    assert is_contradicted(last, [on, off], 0.2)
    assert is_contradicted(last, [on, on, off], 0.2)
    assert not is_contradicted(last, [on, on, on, off], 0.2)
    assert not is_contradicted(last, [on, off, on], 0.2)
    assert not is_contradicted(last, [on, Click(20, 20, 1)], 0.2)


def test_clicks_are_in_pixels_of_the_photo() -> None:
    last = predicted(square(20), 10)
    assert is_contradicted(last, [Click(120, 120, 1), Click(149, 149, 0)], 0.2)
    assert not is_contradicted(last, [Click(120, 120, 1), Click(139, 149, 0)], 0.2)


def test_a_click_beside_the_window_contradicts_nothing() -> None:
    mask = np.ones((20, 20), bool)
    for click in (Click(25, 10, 0), Click(10, 99, 0)):
        assert not is_contradicted(predicted(mask), [Click(10, 10, 1), click], 0.0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, Click, float]:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width)), rng.choice([0, 2, 6]))
    mask = smooth >= np.quantile(smooth, rng.choice([0, 0, 0.2, 0.8]))
    depth = draw(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.4, 1.0]))
    # Half of them as far from the border as the square reaches, or a pixel less or more.
    near = int(depth * np.sqrt(mask.sum())) + rng.integers(-1, 2, 2)
    x, y = near if rng.random() < 0.5 else (width - 1, height - 1) - near
    if rng.random() < 0.5:
        x, y = rng.integers(width), rng.integers(height)
    return mask, Click(*(int(v) for v in np.clip((x, y), 0, (width - 1, height - 1))), 0), depth


@given(cases())
@settings(max_examples=200)
def test_against_distances(case: tuple[np.ndarray, Click, float]) -> None:
    mask, click, depth = case
    away = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
    expected = away[click.y, click.x] > int(depth * np.sqrt(mask.sum()))
    assert is_contradicted(predicted(mask), [click], depth) == expected


ZOOM = Zoom(margin=1.5, keep=1.1, min_side=40, first=0.0, forget=0.2)


def test_what_the_network_is_shown_of_what_was_predicted(make_model: Callable[..., Path]) -> None:
    session, backend = session_with_squares(make_model(zoom=ZOOM), 5)
    shown = backend.previous
    session.click(200, 200)
    session.click(190, 110, 0)  # near the edge: a detail
    assert shown[-1].any()
    session.undo()
    session.click(190, 110)  # on the object
    assert shown[-1].any()
    session.undo()
    session.click(180, 190, 0)  # in the middle
    assert not shown[-1].any(), "the square is something else than the object"
    session.undo()
    session.click(110, 110)
    session.click(180, 190, 0)
    assert not shown[-1].any(), "the third click as well"
    session.undo()
    session.click(120, 120)
    assert shown[-1].any()
    session.click(180, 190, 0)
    assert shown[-1].any(), "after so many clicks the mask has been agreed on"


def test_a_mask_that_was_given_is_not_forgotten(make_model: Callable[..., Path]) -> None:
    session, backend = session_with_squares(make_model(zoom=ZOOM), 5)
    shown = backend.previous
    start = np.zeros((400, 400), bool)
    start[100:300, 100:300] = True
    session.reset(start)
    session.click(200, 200, 0)
    assert shown[-1].any()
    session.undo()
    session.click(290, 290, 0)
    session.click(200, 200, 0)
    assert shown[-1].any(), "nor what was predicted from it"
    session.predict([(200, 200, 0)], start)
    assert shown[-1].any()


@pytest.mark.parametrize("zoom", [None, Zoom(1.5, 1.1, 40, 0.0)])
def test_nothing_is_forgotten_unless_the_manifest_says_so(
    make_model: Callable[..., Path], zoom: Zoom | None
) -> None:
    session, backend = session_with_squares(make_model(zoom=zoom), 5)
    shown = backend.previous
    session.click(200, 200)
    session.click(180, 190, 0)
    assert shown[-1].any()
