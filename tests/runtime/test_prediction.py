"""What the network is shown, click by click, when zooming in: a real engine with `disc_graph`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from ioebss import Segmenter, Session
from ioebss.backends import Backend
from ioebss.clicks import Click
from ioebss.planes import rasterise
from ioebss.pyramid import Pyramid
from ioebss.resampling import mask_to_network, moved, sigmoid
from ioebss.windows import Window, Zoom, around

MakeModel = Callable[..., Path]
ZOOM = Zoom(margin=1.5, keep=1.1, min_side=40, first=0.5)
PHOTO = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)


class Watching:
    """A backend that keeps what it is shown and, optionally, leans to the right."""

    def __init__(self, inner: Backend, lean: float = 0) -> None:
        self.inner, self.name, self.lean = inner, inner.name, lean
        self.inputs: list[np.ndarray] = []

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.inputs.append(inputs.copy())
        ramp = self.lean * np.linspace(-1, 1, inputs.shape[3], dtype=np.float32)
        return self.inner.run(inputs) + ramp


def opened(model: Path, lean: float = 0, **options: bool) -> tuple[Session, list[np.ndarray]]:
    segmenter = Segmenter(model, **options)  # type: ignore[arg-type]
    segmenter._backend = Watching(segmenter._backend, lean)
    return segmenter.open(PHOTO), segmenter._backend.inputs


def box(mask: np.ndarray) -> Window:
    """Smallest window that holds a mask."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Window(int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)


def seen(session: Session) -> Window:
    """What the network saw of the photo last."""
    return session._steps[-1].prediction.window


def test_the_first_click_looks_at_the_whole_photo_then_at_the_object(make_model: MakeModel) -> None:
    session, inputs = opened(make_model(zoom=ZOOM))
    session.click(200, 150)
    coarse, fine = inputs
    # The whole photo: 800x600 in 128x96.
    whole, colours = Pyramid(PHOTO).view(Window(0, 0, 800, 600), 96, 128)
    np.testing.assert_array_equal(coarse[0, :3], colours)
    np.testing.assert_array_equal(coarse[0, 3:5], rasterise([Click(32, 24)], 96, 128, 5))
    assert not coarse[0, 5].any()
    # A disc of radius 5 seen through 21x21: 31 network pixels across, 193.75 photo pixels.
    window = seen(session)
    assert window.holds(Window(104, 54, 297, 247))
    assert 1.5 * 193 <= window.width <= 1.5 * 206 + 4
    _, colours = Pyramid(PHOTO).view(window, *fine.shape[2:])
    np.testing.assert_array_equal(fine[0, :3], colours)
    logits = Segmenter(make_model())._backend.run(coarse)[0, 0]
    expected = moved(sigmoid(logits), whole, window, *fine.shape[2:])
    np.testing.assert_array_equal(fine[0, 5], expected)
    # The click in the window's own network pixels, by its continuous position.
    ys, xs = np.nonzero(fine[0, 3])
    assert xs.mean() == int((200.5 - window.x0) * fine.shape[3] / window.width)
    assert ys.mean() == int((150.5 - window.y0) * fine.shape[2] / window.height)


def test_a_large_object_is_looked_at_once(make_model: MakeModel) -> None:
    session, inputs = opened(make_model(zoom=Zoom(1.5, 1.1, 40, 0.05)))
    session.click(400, 300)
    assert len(inputs) == 1


def test_later_clicks_look_once_at_mask_and_clicks(make_model: MakeModel) -> None:
    session, inputs = opened(make_model(5, zoom=Zoom(margin=1.6, keep=1.01, min_side=300)))
    mask = session.click(200, 150)
    before, count = seen(session), len(inputs)
    session.click(205, 150)  # well within: nothing moves, nothing is resampled
    assert seen(session) == before
    mask = session.mask
    session.click(500, 400)
    assert len(inputs) == count + 2
    extent = box(mask).joined(Window(500, 400, 501, 401))
    wanted = around(extent, 1.6, 300, 800, 600)
    window = seen(session)
    differences = np.subtract(astuple(window), astuple(wanted))
    assert np.abs(differences).max() <= 12
    assert window.holds(extent)
    undone = session.undo()
    np.testing.assert_array_equal(undone, mask)
    assert len(inputs) == count + 2


def test_an_empty_prediction_leads_back_to_the_whole_photo(make_model: MakeModel) -> None:
    session, inputs = opened(make_model(zoom=ZOOM))
    session.reset(np.zeros((600, 800), bool))
    session.click(200, 150)
    assert seen(session) == Window(0, 0, 800, 600)
    assert len(inputs) == 1


def test_a_start_mask_is_zoomed_in_on(make_model: MakeModel) -> None:
    session, inputs = opened(make_model(zoom=ZOOM))
    start = np.zeros((600, 800), bool)
    start[100:200, 300:460] = True
    session.reset(start)
    session.click(380, 150)
    window = seen(session)
    expected = around(Window(300, 100, 460, 200), 1.5, 40, 800, 600)
    assert window.holds(expected) and window.area < 1.1 * expected.area
    part = start[window.y0 : window.y1, window.x0 : window.x1]
    np.testing.assert_array_equal(inputs[0][0, 5], mask_to_network(part, *inputs[0].shape[2:]))


def test_a_start_mask_at_the_border_of_an_odd_photo(make_model: MakeModel) -> None:
    """A window of an odd photo reaches over its border: there is nothing of the mask there."""
    segmenter = Segmenter(make_model(zoom=Zoom(margin=1, keep=1, min_side=1)))
    segmenter._backend = watching = Watching(segmenter._backend)
    session = segmenter.open(np.zeros((385, 513, 3), np.uint8))
    session.reset(np.ones((385, 513), bool))
    assert session.click(512, 384).shape == (385, 513)
    assert seen(session) == Window(0, 0, 516, 388)
    # 516x388 photo pixels in 128x96: the last column and row are only partly of the photo.
    previous = watching.inputs[0][0, 5]
    np.testing.assert_allclose(previous[:-1, :-1], 1, atol=1e-5)
    np.testing.assert_allclose(previous[:-1, -1], 1 - 3 / (516 / 128), atol=1e-5)
    np.testing.assert_allclose(previous[-1, :-1], 1 - 3 / (388 / 96), atol=1e-5)


def test_a_small_object_keeps_its_window_while_it_shifts_a_little(make_model: MakeModel) -> None:
    session, inputs = opened(make_model(5, zoom=Zoom(margin=1.4, keep=1.1, min_side=301)))
    session.click(400, 300)
    session.click(402, 301)
    first = session._steps[-1].prediction
    assert first.window != first.asked  # aligned to pixels of the pyramid's second level
    session.click(405, 303)
    second = session._steps[-1].prediction
    assert (second.asked, second.window) == (first.asked, first.window)
    np.testing.assert_array_equal(inputs[-1][0, :3], inputs[-2][0, :3])


def test_a_window_that_has_become_much_too_large_is_not_kept(make_model: MakeModel) -> None:
    session, _ = opened(make_model(5, zoom=Zoom(1.5, 1.1, 40, 0.0)))
    session.click(400, 300)
    assert seen(session) == Window(0, 0, 800, 600)
    session.click(401, 300)
    assert seen(session).area < 0.3 * 800 * 600


def test_first_is_the_share_below_which_it_looks_twice(make_model: MakeModel) -> None:
    for first, calls in ((1.0, 2), (0.99, 2), (0.0, 1)):
        session, inputs = opened(make_model(zoom=Zoom(1.5, 1.1, 40, first)))
        session.click(200, 150)
        assert len(inputs) == calls
    # An object that needs the whole photo is not looked at twice, whatever `first` is.
    session, inputs = opened(make_model(zoom=Zoom(10, 1.1, 40, 1.0)))
    session.click(400, 300)
    assert len(inputs) == 1


def test_without_zoom_the_whole_photo_always(make_model: MakeModel) -> None:
    for changes, options in (({}, {}), ({"zoom": ZOOM}, {"zoom": False})):
        session, inputs = opened(make_model(**changes), **options)
        for x in (200, 210, 220):
            session.click(x, 150)
            assert seen(session) == Window(0, 0, 800, 600)
        assert len(inputs) == 3


def test_flipping_takes_away_a_lean(make_model: MakeModel) -> None:
    straight, _ = opened(make_model())
    leaning, _ = opened(make_model(), lean=5)
    flipped, inputs = opened(make_model(), lean=5, flip=True)
    expected = straight.click(400, 300)
    assert (leaning.click(400, 300) != expected).any()
    np.testing.assert_array_equal(flipped.click(400, 300), expected)
    np.testing.assert_array_equal(inputs[1], inputs[0][..., ::-1])


def test_flipping_while_zooming(make_model: MakeModel) -> None:
    straight, _ = opened(make_model(zoom=ZOOM))
    flipped, inputs = opened(make_model(zoom=ZOOM), lean=5, flip=True)
    for x in (200, 230):
        np.testing.assert_array_equal(flipped.click(x, 150), straight.click(x, 150))
    assert len(inputs) == 6  # the first click looks twice


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (37, 41)])
def test_photos_of_odd_shapes(make_model: MakeModel, shape: tuple[int, int]) -> None:
    session = Segmenter(make_model(zoom=ZOOM)).open(np.zeros((*shape, 3), np.uint8))
    for x in (0, shape[1] // 2, shape[1] - 1):
        mask = session.click(x, shape[0] - 1)
        assert mask.shape == shape
        assert mask[shape[0] - 1, x]


def test_a_later_click_looks_at_its_surroundings_once_more(make_model: MakeModel) -> None:
    """The disc graph answers with the discs of the clicks in view; what it leans to on the right
    tells the two answers apart."""
    zoom = Zoom(margin=1.6, keep=1.01, min_side=60, detail=0.4, detail_after=1)
    session, inputs = opened(make_model(zoom=zoom), lean=0.2)
    session.click(200, 150)
    session.click(560, 420)
    (whole_input, detail_input), asked = inputs[-2:], session._steps[-1].prediction.asked
    side = int(0.4 * max(asked.width, asked.height))
    window = Window(560 - side // 2, 420 - side // 2, 0, 0)
    window = Window(window.x0, window.y0, window.x0 + side, window.y0 + side)
    seen_window, colours = Pyramid(PHOTO).view(window, *detail_input.shape[2:])
    np.testing.assert_array_equal(detail_input[0, :3], colours)
    assert cv2.connectedComponents((whole_input[0, 3] > 0).astype(np.uint8))[0] == 1 + 2
    assert cv2.connectedComponents((detail_input[0, 3] > 0).astype(np.uint8))[0] == 1 + 1
    graph = Watching(Segmenter(make_model())._backend, 0.2)
    whole, detail = (graph.run(shown)[0, 0] for shown in (whole_input, detail_input))
    outer = seen(session)
    expected = moved(sigmoid(whole), outer, seen_window, *detail.shape)
    np.testing.assert_array_equal(detail_input[0, 5], expected)
    # Cell by cell: the detail's answer within nine tenths of its window, else the object's.
    rows, columns = whole.shape
    xs = outer.x0 + (np.arange(columns) + 0.5) * outer.width / columns
    ys = (outer.y0 + (np.arange(rows) + 0.5) * outer.height / rows)[:, None]
    border = side // 10
    used = (window.x0 + border <= xs) & (xs < window.x1 - border)
    used = used & (window.y0 + border <= ys) & (ys < window.y1 - border)
    places = [
        np.broadcast_to((ys - seen_window.y0) * detail.shape[0] / seen_window.height, whole.shape),
        np.broadcast_to((xs - seen_window.x0) * detail.shape[1] / seen_window.width, whole.shape),
    ]
    looked_up = map_coordinates(detail, [place - 0.5 for place in places], order=1, mode="nearest")
    found = session._steps[-1].prediction.logits
    np.testing.assert_allclose(found, np.where(used, looked_up, whole), atol=1e-4)
    assert 200 < used.sum() < 0.25 * used.size


def test_details_wait_for_some_clicks_and_for_objects_that_are_large(make_model: MakeModel) -> None:
    zoom = Zoom(margin=1.6, keep=1.01, min_side=60, detail=0.4, detail_after=2)
    session, inputs = opened(make_model(zoom=zoom))
    looks = []
    for x, y in ((200, 150), (500, 400), (210, 160), (520, 410)):
        session.click(x, y)
        looks.append(len(inputs))
    assert np.diff(looks).tolist() == [1, 2, 2]
    session.reset(session.mask)  # a mask of somebody's: what is clicked now is a detail of it
    session.click(300, 300)
    assert len(inputs) == looks[-1] + 2
    session, inputs = opened(make_model(zoom=Zoom(1.6, 1.01, 700, 1.0, 0.4, 0)))
    session.click(200, 150)
    session.click(210, 150)
    assert len(inputs) == 3  # nothing is enlarged beyond 700 pixels, and the photo has 800
