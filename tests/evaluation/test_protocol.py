"""The protocol on methods whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from ioebss.errors import UsageError
from ioebss.evaluation.protocol import Pointing, click_through, masks_of, random_clicks

IMAGE = np.zeros((32, 40, 3), np.uint8)
VALID = np.ones((32, 40), bool)


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((32, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_an_oracle_that_reveals_the_truth_ends_the_clicking(scripted) -> None:
    truth = square(8, 8, 11)
    method = scripted([square(0, 0, 0), square(8, 8, 5), truth])
    course = click_through(method, IMAGE, truth, VALID, Pointing())
    assert len(course.clicks) == len(course.milliseconds) == 3
    assert course.ious[:3] == pytest.approx((0, 25 / 121, 1))
    assert course.ious[3:] == (1.0,) * 17


def test_a_method_that_never_improves_is_clicked_to_the_end(scripted) -> None:
    truth = square(8, 8, 11)
    method = scripted([square(8, 8, 10)])
    course = click_through(method, IMAGE, truth, VALID, Pointing())
    assert len(course.clicks) == len(method.clicks) == len(course.milliseconds) == 20
    assert course.ious == pytest.approx((100 / 121,) * 20)


def test_reaching_the_target_does_not_end_the_clicking(scripted) -> None:
    truth = square(4, 4, 20)
    good = truth.copy()
    good[4, 4] = False  # IoU 399/400
    worse = square(4, 4, 10)
    course = click_through(scripted([good, worse]), IMAGE, truth, VALID, Pointing(max_clicks=4))
    assert course.ious == pytest.approx((399 / 400, 0.25, 0.25, 0.25))


def test_clicks_go_to_the_middle_of_the_larger_error(scripted) -> None:
    truth = square(8, 8, 11)
    missed_more = square(8, 8, 3) | square(26, 30, 2)
    wrong_more = truth | square(20, 25, 9)
    method = scripted([missed_more, wrong_more, truth])
    click_through(method, IMAGE, truth, VALID, Pointing())
    (x, y, first), second, third = method.clicks
    assert (x, y, first) == (13, 13, 1)
    # Missed is an 11x11 square without a 3x3 corner that ends at (10, 10). (14, 13) is 5 away both
    # from it (3, 4, 5) and from the outside at x = 19; no pixel of an earlier row is as deep.
    assert second == (14, 13, 1)
    assert third == (29, 24, 0)


def test_void_is_neither_clicked_nor_counted(scripted) -> None:
    truth = square(8, 8, 11)
    valid = VALID.copy()
    valid[:, :13] = False
    method = scripted([truth & valid | square(0, 0, 8)])
    course = click_through(method, IMAGE, truth, valid, Pointing())
    assert all(click.x >= 13 for click in course.clicks)
    assert len(course.clicks) == 1
    assert course.ious == (1.0,) * 20


def test_an_object_that_is_all_void_is_refused(scripted) -> None:
    truth = square(8, 8, 5)
    with pytest.raises(UsageError, match="no valid pixel"):
        click_through(scripted([truth]), IMAGE, truth, ~truth, Pointing())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_clicks": 0}, "at least 1"),
        ({"kind": "guess"}, "no protocol 'guess'; there are centre, random, trimap"),
        ({"seed": -1}, "0 or more"),
    ],
)
def test_protocols_that_make_no_sense_are_refused(wrong, message) -> None:
    with pytest.raises(UsageError, match=message):
        Pointing(**wrong)


@pytest.mark.parametrize("answer", [np.ones((1, 40), bool), np.ones((32, 40), np.float32)])
def test_a_mask_that_does_not_fit_the_photo_is_refused(scripted, answer) -> None:
    with pytest.raises(UsageError, match=r"shape|bool"):
        click_through(scripted([answer]), IMAGE, square(8, 8, 5), VALID, Pointing())


def test_other_objects_are_background(scenes) -> None:
    truth, valid = masks_of(scenes(1).scene(0), 1)
    assert truth.sum() == 576
    assert valid[30:50, 60:80].all()
    assert (~valid).sum() == 24


def test_scores_are_of_the_mask_after_each_click(scripted) -> None:
    truth = square(8, 8, 11)
    course = click_through(scripted([square(8, 8, 10)]), IMAGE, truth, VALID, Pointing())
    assert course.accuracies == pytest.approx((1 - 21 / (32 * 40),) * 20)
    # Outlines are 1 pixel wide in a photo of 32x40: rings of 40 and of 36 pixels, which share the
    # 19 pixels of the upper and the left edge.
    assert course.boundary_ious == pytest.approx((19 / (40 + 36 - 19),) * 20)


def test_random_clicks_are_uniform_on_either_side_in_turn_and_repeat() -> None:
    truth = square(8, 8, 11)
    valid = VALID.copy()
    valid[8, 8:19] = False
    clicks = random_clicks(truth, valid, 2001, 0, "a 1")
    assert [c.label for c in clicks] == [1, 0] * 1000 + [1]
    assert all(truth[c.y, c.x] == bool(c.label) and valid[c.y, c.x] for c in clicks)
    on = np.zeros_like(truth, int)
    for click in clicks[::2]:
        on[click.y, click.x] += 1
    assert scipy.stats.chisquare(on[truth & valid]).pvalue > 0.01
    assert random_clicks(truth, valid, 7, 0, "a 1") == clicks[:7]
    assert random_clicks(truth, valid, 7, 1, "a 1") != clicks[:7]
    assert random_clicks(truth, valid, 7, 0, "a 2") != clicks[:7]


def test_random_clicks_do_not_look_at_the_mask(scripted) -> None:
    truth = square(8, 8, 11)
    pointing = Pointing("random", 6)
    first, second = (scripted([mask]) for mask in (truth, ~truth))
    for method in (first, second):
        course = click_through(method, IMAGE, truth, VALID, pointing, "x")
        assert len(course.clicks) == len(course.ious) == 6
    assert first.clicks == second.clicks


def test_a_trimap_hides_a_band_and_makes_one_mask() -> None:
    truth = square(4, 4, 20)

    class Trimaps:
        def open(self, photo):
            return self

        def click(self, x, y, label=1):
            raise AssertionError

        def predict_trimap(self, trimap):
            self.trimap = trimap
            return trimap == 255

    method = Trimaps()
    course = click_through(method, IMAGE, truth, VALID, Pointing("trimap"))
    # A tenth of the side of 20 is hidden to either side of the outline.
    assert np.array_equal(method.trimap == 255, square(6, 6, 16))
    distance = scipy.ndimage.distance_transform_edt(~truth)
    assert np.array_equal(method.trimap == 0, distance > 2)
    assert course.clicks == () and course.ious == (pytest.approx(256 / 400),)


def test_a_method_without_trimaps_says_so(scripted) -> None:
    with pytest.raises(UsageError, match="takes no trimaps"):
        click_through(scripted([VALID]), IMAGE, square(8, 8, 5), VALID, Pointing("trimap"))
