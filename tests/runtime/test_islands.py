"""Islands, against SciPy's labels and distances, and in sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ioebss import Segmenter, Session
from ioebss.backends import Backend
from ioebss.clicks import Click
from ioebss.eye import Prediction
from ioebss.islands import without_islands
from ioebss.obedience import LOGIT, RADIUS, obey
from ioebss.windows import Window, Zoom

EIGHT = np.ones((3, 3))


def predicted(logits: np.ndarray, scale: int = 1) -> Prediction:
    """An answer to a window that starts at the photo's corner, `scale` photo pixels a logit."""
    window = Window(0, 0, logits.shape[1] * scale, logits.shape[0] * scale)
    return Prediction(window, window, logits, 1.0)


def blobs(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Logits of 2 in boxes (x0, y0, x1, y1) of 60 x 40 pixels, -3 elsewhere."""
    logits = np.full((40, 60), -3, np.float32)
    for x0, y0, x1, y1 in boxes:
        logits[y0:y1, x0:x1] = 2
    return logits


def test_parts_without_a_click_go_and_all_else_stays() -> None:
    logits = blobs((5, 5, 15, 15), (40, 20, 50, 30))
    answer = predicted(logits)
    before = logits.copy()
    found = without_islands(answer, [Click(7, 7, 1), Click(45, 25, 0)], 0.0)
    expected = before.copy()
    expected[20:30, 40:50] = -LOGIT
    np.testing.assert_array_equal(found.logits, expected)
    np.testing.assert_array_equal(logits, before, "the answer itself is left alone")
    assert (found.asked, found.window, found.network) == (answer.asked, answer.window, 1.0)


@pytest.mark.parametrize(
    "clicks",
    [
        [Click(7, 7, 1), Click(45, 25, 1)],  # each has one
        [Click(30, 10, 0)],  # none has one
        [Click(30, 10, 1)],  # nor here: the only one on the object is off the mask
    ],
)
def test_where_there_are_no_islands_the_answer_is_the_same_object(clicks: list[Click]) -> None:
    answer = predicted(blobs((5, 5, 15, 15), (40, 20, 50, 30)))
    assert without_islands(answer, clicks, 0.0) is answer


@pytest.mark.parametrize(("gap", "kept"), [(0.0, 1), (0.06, 1), (0.12, 3), (0.3, 4)])
def test_parts_hang_together_over_small_gaps_one_after_the_other(gap: float, kept: int) -> None:
    """A person behind a fence: stripes with gaps of 2 pixels, and something 6 pixels away. Of 400
    pixels the root is 20, so a mask grows by 0, 0, 1 and 3 pixels."""
    answer = predicted(blobs((2, 10, 7, 30), (9, 10, 14, 30), (16, 10, 21, 30), (27, 10, 32, 30)))
    found = without_islands(answer, [Click(4, 20, 1)], gap)
    assert ndimage.label(found.logits > 0, EIGHT)[1] == kept


def test_clicks_are_in_pixels_of_the_photo() -> None:
    found = without_islands(
        predicted(blobs((5, 5, 15, 15), (40, 20, 50, 30)), 10), [Click(459, 259, 1)], 0.0
    )
    np.testing.assert_array_equal(found.logits > 0, blobs((40, 20, 50, 30)) > 0)


def test_a_click_that_a_later_one_took_off_the_mask_still_stands_for_its_part() -> None:
    """Of two parts that were clicked on, one is corrected beside its click."""
    logits = blobs((5, 5, 25, 25), (40, 20, 55, 35))
    clicks = [Click(15, 15, 1), Click(45, 25, 1), Click(17, 16, 0)]
    obey(logits, clicks)
    assert logits[15, 15] < 0, "the last click's disc covers the first one's pixel"
    answer = predicted(logits)
    assert without_islands(answer, clicks, 0.0) is answer


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, list[Click], float]:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width)), rng.choice([0, 1, 2]))
    logits = (smooth / (smooth.std() or 1) - rng.uniform(0, 1.5)).astype(np.float32)
    clicks = [
        Click(int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(2)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    return logits, clicks, draw(st.sampled_from([0.0, 0.05, 0.1, 0.5, 10.0]))


@given(cases())
@settings(max_examples=150)
def test_against_labels_and_distances(case: tuple[np.ndarray, list[Click], float]) -> None:
    logits, clicks, gap = case
    mask = logits > 0
    steps = int(gap * np.sqrt(mask.sum()) / 2)
    away = ndimage.distance_transform_cdt(~mask, "chessboard") if mask.any() else mask + 99
    grown = away <= steps
    labels = ndimage.label(grown, EIGHT)[0]
    places = np.ones_like(mask)
    for click in clicks:
        if click.label:
            places[click.y, click.x] = False
    about = ndimage.distance_transform_cdt(places, "chessboard") <= RADIUS + 1
    clicked = set(labels[about & grown]) if not places.all() else set()
    islands = mask & ~np.isin(labels, sorted(clicked)) if clicked else np.zeros_like(mask)
    found = without_islands(predicted(logits), clicks, gap)
    np.testing.assert_array_equal(found.logits, np.where(islands, np.float32(-LOGIT), logits))


class Seeing:
    """A backend that sees an island of its own in the lower right corner of all it is shown."""

    def __init__(self, inner: Backend) -> None:
        self.inner, self.name = inner, inner.name

    def run(self, inputs: np.ndarray) -> np.ndarray:
        answer = np.array(self.inner.run(inputs))
        answer[..., -12:, -12:] = 5
        return answer


PHOTO = np.zeros((400, 400, 3), np.uint8)


def session_of(model: Path, **options: bool) -> Session:
    segmenter = Segmenter(model, **options)  # type: ignore[arg-type]
    segmenter._backend = Seeing(segmenter._backend)
    return segmenter.open(PHOTO)


def clicked_parts(mask: np.ndarray, clicks: Sequence[tuple[int, int]]) -> bool:
    """Whether a mask has just the parts that were clicked on."""
    labels, count = ndimage.label(mask, EIGHT)
    return {int(labels[y, x]) for x, y in clicks} == set(range(1, count + 1))


def test_a_session_has_no_islands(make_model: Callable[..., Path]) -> None:
    zoom = Zoom(margin=1.5, keep=1.1, min_side=40, first=1.0)
    kept = session_of(make_model(zoom=zoom))
    both = kept.click(100, 100)
    assert both[-5, -5] and both[100, 100]
    session = session_of(make_model(zoom=Zoom(1.5, 1.1, 40, 1.0, islands=0.05)))
    mask = session.click(100, 100)
    assert clicked_parts(mask, [(100, 100)])
    asked = session._steps[-1].prediction.asked
    assert asked.area < kept._steps[-1].prediction.asked.area / 4, "nor are they zoomed in on"
    assert clicked_parts(session.click(110, 105), [(100, 100), (110, 105)])
    far = session.click(390, 390)
    assert far[390, 390] and clicked_parts(far, [(100, 100), (390, 390)])
    assert clicked_parts(session.predict([(100, 100, 1), (110, 100, 1)]), [(100, 100)])


def test_of_a_mask_that_was_given_all_parts_stay(make_model: Callable[..., Path]) -> None:
    session = session_of(make_model(zoom=Zoom(1.5, 1.1, 40, 1.0, islands=0.0)))
    start = np.zeros((400, 400), bool)
    start[40:60, 40:60] = start[40:60, 300:320] = True
    session.reset(start)
    mask = session.click(50, 300)
    assert mask[50, 50] and mask[50, 310]
    mask = session.click(60, 300)
    assert mask[50, 50] and mask[50, 310], "later clicks know that it was given"
    assert session.predict([(50, 300)], start)[50, 310]
    session.reset()
    assert clicked_parts(session.click(100, 100), [(100, 100)])


def test_of_a_trimap_all_known_parts_stay(make_model: Callable[..., Path]) -> None:
    """More parts than clicks are made from it."""
    session = session_of(make_model(zoom=Zoom(1.5, 1.1, 40, 1.0, islands=0.0)))
    trimap = np.full((400, 400), 128, np.uint8)
    trimap[0:390, 350:400] = 0
    trimap[50:60, 50:60] = 255
    mask = session.predict_trimap(trimap)
    assert not clicked_parts(mask, [(55, 55)]), "what it is shown has an island"


def test_the_whole_photo_without_zooming_in_keeps_them(make_model: Callable[..., Path]) -> None:
    path = make_model(zoom=Zoom(1.5, 1.1, 40, 1.0, islands=0.05))
    assert session_of(path, zoom=False).click(100, 100)[-5, -5]
