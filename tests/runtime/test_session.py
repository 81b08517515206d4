"""Sessions on a real engine with a graph whose answer is known (`disc_graph`)."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioebss import Segmenter, Session
from ioebss.backends import Backend
from ioebss.clicks import Click
from ioebss.errors import BackendError, ClickError, ImageError, PhotoSizeError, UsageError
from ioebss.planes import rasterise
from ioebss.windows import Window, Zoom

MakeModel = Callable[..., Path]
PHOTO = np.zeros((96, 128, 3), np.uint8)  # the size of the network's input: no scaling


def expected_mask(clicks: list[Click], previous: np.ndarray | None = None) -> np.ndarray:
    """What `disc_graph` answers, by OpenCV."""
    positive, negative = rasterise(clicks, 96, 128, 5)
    box = np.ones((21, 21))
    difference = cv2.filter2D(positive - negative, cv2.CV_64F, box, borderType=cv2.BORDER_CONSTANT)
    return difference + 8 * (0 if previous is None else previous) - 0.5 > 0


class Counting:
    """A backend that counts its calls, and fails when told to."""

    def __init__(self, inner: Backend) -> None:
        self.inner, self.name, self.calls, self.broken = inner, inner.name, 0, False

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.broken:
            raise BackendError("broken")
        return self.inner.run(inputs)


@pytest.fixture
def segmenter(make_model: MakeModel) -> Segmenter:
    return Segmenter(make_model())


def counted(segmenter: Segmenter) -> tuple[Session, Counting]:
    backend = Counting(segmenter._backend)
    return Session(PHOTO, segmenter.manifest, backend), backend


def test_clicks_give_the_known_mask(make_model: MakeModel) -> None:
    session = Segmenter(make_model(5)).open(PHOTO)
    clicks = [Click(30, 40, 1), Click(90, 50, 1), Click(40, 45, 0)]
    for count, click in enumerate(clicks, 1):
        mask = session.click(click.x, click.y, click.label)
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, expected_mask(clicks[:count]))
    assert session.clicks == tuple(clicks)
    np.testing.assert_array_equal(session.predict(clicks), session.mask)


def test_the_last_mask_is_fed_back(segmenter: Segmenter) -> None:
    session = segmenter.open(PHOTO)
    first = session.click(30, 40)
    probability = session.probability
    np.testing.assert_array_equal(probability > 0.5, first)
    second = session.click(90, 50)
    clicks = [Click(30, 40, 1), Click(90, 50, 1)]
    np.testing.assert_array_equal(second, expected_mask(clicks, probability))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("click"), st.integers(0, 127), st.integers(0, 95), st.integers(0, 1)),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
        st.tuples(st.just("predict"), st.integers(0, 127), st.integers(0, 95)),
    ),
    max_size=12,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTIONS, st.sampled_from([None, Zoom(min_side=24), Zoom(1.6, 1.01, 30, 0.9, 0.5, 1)]))
def test_any_history_equals_a_fresh_session(
    make_model: MakeModel, actions: list[tuple], zoom: Zoom | None
) -> None:
    segmenter = Segmenter(make_model(zoom=zoom, recommended_sizes=(64,)))
    session = segmenter.open(PHOTO)
    done: list[tuple] = []
    undone: list[tuple] = []
    for name, *values in actions:
        if name == "click":
            if not done and values[2] == 0:
                with pytest.raises(ClickError, match="first click must be foreground"):
                    session.click(*values)
                continue
            session.click(*values)
            done, undone = [*done, tuple(values)], []
        elif name == "undo" and done:
            session.undo()
            undone.append(done.pop())
        elif name == "redo" and undone:
            session.redo()
            done.append(undone.pop())
        elif name == "predict":
            session.predict([tuple(values)])
    fresh = segmenter.open(PHOTO)
    for values in done:
        fresh.click(*values)
    np.testing.assert_array_equal(session.mask, fresh.mask)
    np.testing.assert_array_equal(session.probability, fresh.probability)


def test_undo_and_redo_do_not_run_the_network(segmenter: Segmenter) -> None:
    session, backend = counted(segmenter)
    first = session.click(30, 40)
    second = session.click(90, 50)
    np.testing.assert_array_equal(session.undo(), first)
    np.testing.assert_array_equal(session.redo(), second)
    assert backend.calls == 2
    session.undo()
    session.undo()
    assert not session.mask.any()
    with pytest.raises(UsageError, match="no click to undo"):
        session.undo()
    session.click(30, 40)
    with pytest.raises(UsageError, match="no undone click"):
        session.redo()


def test_a_photo_is_prepared_once(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    session = segmenter.open(PHOTO)
    monkeypatch.setattr("ioebss.pyramid.photo_to_network", None)
    session.click(30, 40)
    session.click(31, 41)
    session.undo()
    session.reset()
    session.click(30, 40)


def test_the_whole_photo_stays_prepared_while_it_is_zoomed_in_on(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Segmenter(make_model(zoom=Zoom(min_side=24), recommended_sizes=(64,))).open(PHOTO)
    session.click(30, 40)
    assert session._steps[-1].prediction.window != Window(0, 0, 128, 96)
    session.reset()
    monkeypatch.setattr("ioebss.pyramid.photo_to_network", None)
    session.click(30, 40)  # the whole photo and the window of before


def test_reset_and_starting_from_a_mask(segmenter: Segmenter) -> None:
    session = segmenter.open(PHOTO)
    session.click(30, 40)
    start = np.zeros((96, 128), bool)
    start[60:80, 60:100] = True
    given = start.copy()
    session.reset(given)
    given[:] = False  # what was given and what is given out are not the session's own
    session.mask[:] = False
    assert session.clicks == ()
    np.testing.assert_array_equal(session.mask, start)
    mask = session.click(10, 10, 0)  # a background click may come first here
    np.testing.assert_array_equal(mask, expected_mask([Click(10, 10, 0)], start))
    np.testing.assert_array_equal(session.predict([(10, 10, 0)], start), mask)
    np.testing.assert_array_equal(session.undo(), start)
    session.reset()
    assert not session.mask.any()


def test_start_masks_that_do_not_fit(make_model: MakeModel) -> None:
    session = Segmenter(make_model()).open(PHOTO)
    with pytest.raises(UsageError, match=r"shape \(3, 3\), the photo \(96, 128\)"):
        session.reset(np.zeros((3, 3), bool))
    with pytest.raises(UsageError, match="bool array"):
        session.reset(np.zeros((96, 128), np.uint8))  # type: ignore[arg-type]
    five = Segmenter(make_model(5)).open(PHOTO)
    with pytest.raises(UsageError, match="reads no previous mask"):
        five.reset(np.zeros((96, 128), bool))


def test_a_failed_click_changes_nothing(segmenter: Segmenter) -> None:
    session, backend = counted(segmenter)
    before = session.click(30, 40)
    probability = session.probability
    for arguments in ((200, 0), (float("nan"), 0), (1, 1, 5)):
        with pytest.raises(ClickError):
            session.click(*arguments)
    backend.broken = True
    with pytest.raises(BackendError):
        session.click(33, 42)
    np.testing.assert_array_equal(session.mask, before)
    np.testing.assert_array_equal(session.probability, probability)
    assert session.clicks == (Click(30, 40, 1),)


def test_the_number_of_clicks_is_bounded(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ioebss.session.MAX_CLICKS", 2)
    session = segmenter.open(PHOTO)
    session.click(30, 40)
    session.click(90, 50)
    with pytest.raises(ClickError, match="2 clicks are set already; reset, or start from the mask"):
        session.click(5, 5)
    session.undo()
    assert session.click(5, 5)[5, 5]


def test_predict_leaves_the_session_alone(segmenter: Segmenter) -> None:
    session = segmenter.open(PHOTO)
    before = session.click(30, 40)
    session.predict([(90, 50), (10, 10, 0)])
    np.testing.assert_array_equal(session.mask, before)
    assert session.clicks == (Click(30, 40, 1),)
    with pytest.raises(ClickError, match="no foreground click"):
        session.predict([(10, 10, 0)])
    with pytest.raises(ClickError, match="no foreground click"):
        session.predict([])


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        [[1, 2, 3]],
    ],
)
def test_arrays_that_are_no_photo(segmenter: Segmenter, photo: np.ndarray) -> None:
    with pytest.raises(ImageError, match="photo"):
        segmenter.open(photo)


def test_an_array_of_too_many_pixels(segmenter: Segmenter) -> None:
    photo = np.broadcast_to(np.uint8(0), (12_000, 12_000, 3))  # of one byte
    with pytest.raises(PhotoSizeError, match="more than 120000000 pixels"):
        segmenter.open(photo)


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (3000, 17), (20, 4000)])
def test_photos_of_odd_shapes(segmenter: Segmenter, shape: tuple[int, int]) -> None:
    session = segmenter.open(np.zeros((*shape, 3), np.uint8))
    mask = session.click(shape[1] // 2, shape[0] // 2)
    assert mask.shape == shape
    assert mask[shape[0] // 2, shape[1] // 2]


def test_threads_share_a_segmenter(segmenter: Segmenter) -> None:
    def work(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        session = segmenter.open(PHOTO)
        clicks = [Click(int(rng.integers(128)), int(rng.integers(96)), 1) for _ in range(4)]
        for click in clicks:
            session.click(click.x, click.y)
        alone = segmenter.open(PHOTO)
        for click in clicks:
            alone.click(click.x, click.y)
        return session.mask, alone.mask

    with ThreadPoolExecutor(8) as pool:
        for together, alone in pool.map(work, range(32)):
            np.testing.assert_array_equal(together, alone)


def test_timing_is_filled_in(segmenter: Segmenter) -> None:
    session = segmenter.open(PHOTO)
    assert session.timing.prepare > 0
    session.click(30, 40)
    assert session.timing.network > 0


def test_a_closed_session_is_not_clicked_any_more(segmenter: Segmenter) -> None:
    # As on a GPU (test_device_eye.py): what works here must not fail there.
    photo = PHOTO.copy()
    held = weakref.ref(photo)
    with segmenter.open(photo) as session:
        session.click(30, 40)
        session.click(90, 50)
    for use in (lambda: session.click(30, 40), session.undo, lambda: session.predict([(1, 1)])):
        with pytest.raises(UsageError, match="the session is closed; open the photo again"):
            use()
    session.close()
    del photo
    assert held() is None
