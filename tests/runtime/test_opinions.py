"""Second opinions: how sure an answer is, and when the network is asked once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ioebss.clicks import Click
from ioebss.eye import Prediction
from ioebss.obedience import LOGIT, obey
from ioebss.opinions import LARGEST, sureness, surroundings
from ioebss.windows import Window, Zoom

from .squares import session_with_squares

LOGITS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
                    elements=st.floats(-80, 80, width=32))  # fmt: skip


def predicted(logits: np.ndarray) -> Prediction:
    window = Window(0, 0, logits.shape[1], logits.shape[0])
    return Prediction(window, window, logits, 1.0)


@given(LOGITS)
def test_the_mean_logit_in_the_mask(logits: np.ndarray) -> None:
    inside = np.minimum(logits[logits > 0].astype(float), LARGEST)
    expected = inside.mean() if inside.size else 0.0
    found = sureness(predicted(logits), Click(0, 0, 1))
    assert found == (0 if logits[0, 0] == LOGIT else pytest.approx(expected, abs=1 / 512))


@given(LOGITS, st.integers(0, 2**32 - 1))
def test_the_same_bits_in_any_order(logits: np.ndarray, seed: int) -> None:
    rest = np.random.default_rng(seed).permutation(logits.ravel()[1:])
    mixed = np.append(logits.ravel()[:1], rest).reshape(logits.shape)
    click = Click(0, 0, 1)
    assert sureness(predicted(mixed), click) == sureness(predicted(logits), click)


def test_what_is_not_seen_at_the_click_is_not_sure() -> None:
    logits = np.full((40, 40), -3, np.float32)
    logits[20:30, 20:30] = 9
    obey(logits, [Click(5, 5, 1)])
    assert logits[5, 5] == LOGIT
    assert sureness(predicted(logits), Click(5, 5, 1)) == 0
    assert sureness(predicted(logits), Click(25, 25, 1)) > 6


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Window(0, 0, 400, 200), Window(50, 0, 350, 300)),  # three quarters, at the photo's edge
        (Window(150, 50, 250, 150), Window(160, 30, 240, 110)),  # never below the smallest side
    ],
)
def test_surroundings(seen: Window, expected: Window) -> None:
    zoom = Zoom(margin=1.5, keep=1.1, min_side=80)
    assert surroundings(zoom, Click(200, 70, 1), seen, 500, 600) == expected


ZOOM = Zoom(margin=1.5, keep=1.1, min_side=40, first=1.0, unsure=1.0)


def middle(mask: np.ndarray) -> tuple[float, float]:
    ys, xs = np.nonzero(mask)
    return float(ys.mean()), float(xs.mean())


@pytest.mark.parametrize(
    ("whole", "near", "looks", "where"),
    [
        (0.9, 2.0, 3, 100),  # surer of the surroundings: the object is looked for there
        (0.9, 0.8, 3, 200),  # not surer of them
        (0.9, 0.9, 3, 200),
        (1.0, 2.0, 3, 100),
        (1.01, 2.0, 2, 200),  # sure enough
    ],
)
def test_the_surer_of_two(
    make_model: Callable[..., Path], whole: float, near: float, looks: int, where: int
) -> None:
    """The square of the whole photo is 100 to 300; its window has a side of 300, so that of the
    click's surroundings is 225 and lies against the corner of the photo, from 0 to 225."""
    session, backend = session_with_squares(make_model(zoom=ZOOM), whole, near, 4.0)
    mask = session.click(105, 105)
    assert backend.looks == looks
    assert middle(mask) == pytest.approx((where, where), abs=15)
    session.click(110, 110)
    assert backend.looks == looks + 1, "only the first click is in doubt"


def test_several_clicks_and_given_masks_are_not_in_doubt(make_model: Callable[..., Path]) -> None:
    session, backend = session_with_squares(make_model(zoom=ZOOM), 0.5)
    session.predict([(105, 105), (110, 110)])
    assert backend.looks == 2
    trimap = np.full((400, 400), 128, np.uint8)
    trimap[100:110, 100:110] = 255
    session.predict_trimap(trimap)
    assert backend.looks == 4
    start = np.zeros((400, 400), bool)
    start[100:300, 100:300] = True
    session.predict([(105, 105)], start)
    assert backend.looks == 5
    session.predict([(105, 105)])
    assert backend.looks == 8


def test_an_answer_without_the_click_is_in_doubt(make_model: Callable[..., Path]) -> None:
    session, backend = session_with_squares(
        make_model(zoom=replace(ZOOM, unsure=0.5)), -1.0, 0.2, 3.0
    )
    assert middle(session.click(105, 105)) == pytest.approx((100, 100), abs=15)
    assert backend.looks == 3
    session, backend = session_with_squares(make_model(zoom=ZOOM), 0.9, -1.0, 3.0)
    assert middle(session.click(105, 105)) == pytest.approx((200, 200), abs=15)
    assert backend.looks == 3


def test_surroundings_that_are_the_whole_photo_are_not_looked_at(
    make_model: Callable[..., Path],
) -> None:
    model = make_model(zoom=replace(ZOOM, min_side=90))
    session, backend = session_with_squares(model, 0.5, shape=(90, 80))
    session.click(40, 40)
    assert backend.looks == 1


@pytest.mark.parametrize("zoom", [None, Zoom(1.5, 1.1, 40, 1.0)])
def test_nobody_is_in_doubt_unless_the_manifest_says_so(
    make_model: Callable[..., Path], zoom: Zoom | None
) -> None:
    session, backend = session_with_squares(make_model(zoom=zoom), 0.1, 3.0)
    session.click(105, 105)
    assert backend.looks == (2 if zoom else 1)
