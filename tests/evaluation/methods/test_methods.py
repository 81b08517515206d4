"""What all classical methods have in common."""

from __future__ import annotations

import numpy as np
import pytest

from ioebss.errors import ClickError, ImageError
from ioebss.evaluation.methods import METHODS, make_method
from ioebss.overlap import iou

CLASSICAL = [name for name in METHODS if name != "ioebss"]
CLICKS = [(50, 40, 1), (10, 10, 0), (34, 24, 1), (80, 60, 0)]


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_square_on_a_plain_ground_is_found(name, square) -> None:
    photo, truth = square(noise=6)
    session = make_method(name).open(photo)
    masks = [session.click(*click) for click in CLICKS]
    assert all(mask.dtype == bool and mask.shape == truth.shape for mask in masks)
    assert iou(masks[-1], truth, np.ones_like(truth)) > 0.9


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_click_is_obeyed_and_the_masks_are_always_the_same(name) -> None:
    # Noise has no objects: no click can be guessed from the photo.
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    places = [(int(rng.integers(56)), int(rng.integers(40)), i % 2) for i in range(1, 9)]
    method = make_method(name)
    session, again = method.open(photo), method.open(photo)
    for number, (x, y, label) in enumerate(places, 1):
        mask = session.click(x, y, label)
        assert all(mask[v, u] == bool(side) for u, v, side in places[:number])
        np.testing.assert_array_equal(mask, again.click(x, y, label))


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (7, 5)])
def test_tiny_photos_do_not_break_it(name, shape) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    session = make_method(name).open(photo)
    assert session.click(0, 0)[0, 0]
    if shape != (1, 1):
        mask = session.click(shape[1] - 1, shape[0] - 1, 0)
        assert mask[0, 0] and not mask[-1, -1]


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_photo_of_one_colour_gives_a_mask(name) -> None:
    session = make_method(name).open(np.full((40, 50, 3), 128, np.uint8))
    session.click(25, 20)
    mask = session.click(5, 5, 0)
    assert mask[20, 25] and not mask[5, 5]


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_parts_of_its_time_are_told(name, square) -> None:
    photo, _ = square()
    session = make_method(name).open(photo)
    assert session.timing.prepare > 0 and session.timing.method == 0
    session.click(50, 40)
    timing = session.timing
    assert min(timing.prepare, timing.input, timing.method, timing.mask) > 0


def test_photos_larger_than_a_method_works_at_are_scaled_down(square) -> None:
    photo, truth = square(noise=3)
    photo, truth = (np.kron(a, np.ones((5, 5), a.dtype)) for a in (photo[..., 0], truth))
    session = make_method("magic_wand").open(np.repeat(photo[..., None], 3, axis=2))
    session.click(250, 200)
    mask = session.click(50, 50, 0)
    assert mask.shape == (400, 500)
    assert iou(mask, truth, np.ones_like(truth)) > 0.95


@pytest.mark.parametrize("photo", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_photo_is_refused(photo) -> None:
    with pytest.raises(ImageError, match="photo"):
        make_method("watershed").open(photo)


@pytest.mark.parametrize("click", [(100, 5, 1), (5, -1, 1), (float("nan"), 5, 1), (5, 5, 2)])
def test_clicks_that_are_none_are_refused_and_change_nothing(click, square) -> None:
    photo, _ = square()
    method = make_method("grab_cut")
    session, untouched = method.open(photo), method.open(photo)
    np.testing.assert_array_equal(session.click(50, 40), untouched.click(50, 40))
    with pytest.raises(ClickError):
        session.click(*click)
    np.testing.assert_array_equal(session.click(10, 10, 0), untouched.click(10, 10, 0))


def test_a_first_click_off_the_object_is_refused(square) -> None:
    with pytest.raises(ClickError, match="first click"):
        make_method("slic").open(square()[0]).click(5, 5, 0)


def test_ioebss_gives_the_masks_of_its_segmenter(make_model, square) -> None:
    from ioebss import Segmenter

    photo, _ = square()
    model = make_model()
    session = make_method("ioebss", model=model, backend="onnxruntime-cpu").open(photo)
    own = Segmenter(model, backend="onnxruntime-cpu").open(photo)
    for click in CLICKS:
        np.testing.assert_array_equal(session.click(*click), own.click(*click))
    assert session.timing.network > 0
