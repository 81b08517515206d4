"""The protocol on methods whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from ioebss.errors import UsageError
from ioebss.evaluation.instances import list_instances
from ioebss.evaluation.protocol import click_through, masks_of, measure

IMAGE = np.zeros((32, 40, 3), np.uint8)
VALID = np.ones((32, 40), bool)


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((32, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_an_oracle_that_reveals_the_truth_ends_the_clicking(scripted) -> None:
    truth = square(8, 8, 11)
    method = scripted([square(0, 0, 0), square(8, 8, 5), truth])
    course = click_through(method, IMAGE, truth, VALID)
    assert len(course.clicks) == len(course.milliseconds) == 3
    assert course.ious[:3] == pytest.approx((0, 25 / 121, 1))
    assert course.ious[3:] == (1.0,) * 17


def test_a_method_that_never_improves_is_clicked_to_the_end(scripted) -> None:
    truth = square(8, 8, 11)
    method = scripted([square(8, 8, 10)])
    course = click_through(method, IMAGE, truth, VALID)
    assert len(course.clicks) == len(method.clicks) == len(course.milliseconds) == 20
    assert course.ious == pytest.approx((100 / 121,) * 20)


def test_reaching_the_target_does_not_end_the_clicking(scripted) -> None:
    truth = square(4, 4, 20)
    good = truth.copy()
    good[4, 4] = False  # IoU 399/400
    worse = square(4, 4, 10)
    course = click_through(scripted([good, worse]), IMAGE, truth, VALID, 4)
    assert course.ious == pytest.approx((399 / 400, 0.25, 0.25, 0.25))


def test_clicks_go_to_the_middle_of_the_larger_error(scripted) -> None:
    truth = square(8, 8, 11)
    missed_more = square(8, 8, 3) | square(26, 30, 2)
    wrong_more = truth | square(20, 25, 9)
    method = scripted([missed_more, wrong_more, truth])
    click_through(method, IMAGE, truth, VALID)
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
    course = click_through(method, IMAGE, truth, valid)
    assert all(click.x >= 13 for click in course.clicks)
    assert len(course.clicks) == 1
    assert course.ious == (1.0,) * 20


def test_an_object_that_is_all_void_is_refused(scripted) -> None:
    truth = square(8, 8, 5)
    with pytest.raises(UsageError, match="no valid pixel"):
        click_through(scripted([truth]), IMAGE, truth, ~truth)


def test_no_clicks_are_refused(scripted) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        click_through(scripted([VALID]), IMAGE, VALID, VALID, 0)


@pytest.mark.parametrize("answer", [np.ones((1, 40), bool), np.ones((32, 40), np.float32)])
def test_a_mask_that_does_not_fit_the_photo_is_refused(scripted, answer) -> None:
    with pytest.raises(UsageError, match=r"shape|bool"):
        click_through(scripted([answer]), IMAGE, square(8, 8, 5), VALID)


def test_other_objects_are_background(scenes) -> None:
    truth, valid = masks_of(scenes(1).scene(0), 1)
    assert truth.sum() == 576
    assert valid[30:50, 60:80].all()
    assert (~valid).sum() == 24


def test_measuring_keeps_the_order_and_reads_a_photo_once(scenes, scripted) -> None:
    dataset = scenes(3)
    instances = list_instances(dataset)
    dataset.reads = 0
    method = scripted([dataset.scenes[0].labels == 1])
    measurements = measure(method, dataset, instances, 2)
    assert [m.instance for m in measurements] == instances
    assert dataset.reads == 3
    found = [m.course.ious[-1] for m in measurements]
    assert found[0] == 1
    assert found[2] == pytest.approx(21 / 27)  # scene1's square of 24 rows lies 3 rows lower
    assert found[1] == found[3] == found[5] == 0
