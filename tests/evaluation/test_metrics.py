"""Metrics by hand, and against second implementations over sets, loops and enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ioebss.errors import UsageError
from ioebss.evaluation.metrics import estimate
from ioebss.overlap import iou, pixel_accuracy
from ioebss.robot import failures, number_of_clicks

MASKS = arrays(np.bool_, (3, 5, 4))
TABLES = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.floats(0, 1)
)


def row(text: str) -> np.ndarray:
    return np.array([[c == "#" for c in text]])


def test_iou_by_hand() -> None:
    assert iou(row("##..."), row(".##.."), row("#####")) == pytest.approx(1 / 3)
    assert iou(row("##..."), row("##..."), row("#####")) == 1.0
    assert iou(row("#...."), row(".#..."), row("#####")) == 0.0


def test_void_counts_neither_for_nor_against() -> None:
    assert iou(row("##..."), row(".##.."), row(".####")) == 0.5  # the false positive is void
    assert iou(row("##..."), row(".##.."), row("##.##")) == 0.5  # the miss is void
    assert iou(row("##..."), row(".##.."), row("#.###")) == 0.0  # the hit is void


def test_pixel_accuracy_by_hand() -> None:
    assert pixel_accuracy(row("##..."), row(".##.."), row("#####")) == 3 / 5
    assert pixel_accuracy(row("##..."), row(".##.."), row(".####")) == 3 / 4
    assert pixel_accuracy(row("#"), row("."), row(".")) == 1


@given(MASKS)
def test_pixel_accuracy_equals_counting(masks: np.ndarray) -> None:
    pixels = [(p, t) for p, t, v in zip(*(m.ravel().tolist() for m in masks), strict=True) if v]
    expected = sum(p == t for p, t in pixels) / len(pixels) if pixels else 1
    assert pixel_accuracy(*masks) == pytest.approx(expected)


def test_two_empty_masks_agree() -> None:
    assert iou(row("..."), row("..."), row("###")) == 1.0
    assert iou(row("#.."), row("#.."), row(".##")) == 1.0


@given(MASKS)
def test_iou_equals_the_jaccard_index_of_pixel_sets(masks: np.ndarray) -> None:
    prediction, truth, valid = ({tuple(p) for p in np.argwhere(m)} for m in masks)
    union = (prediction | truth) & valid
    expected = len(prediction & truth & valid) / len(union) if union else 1.0
    assert iou(*masks) == pytest.approx(expected)


@pytest.mark.parametrize("place", [0, 2])
def test_masks_of_another_size_are_refused(place: int) -> None:
    masks = [np.ones((4, 4), bool) for _ in range(3)]
    masks[place] = np.ones((1, 4), bool)  # would broadcast
    with pytest.raises(UsageError, match="shape"):
        iou(*masks)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_masks_of_numbers_are_refused(place: int) -> None:
    masks = [np.ones((4, 4), bool) for _ in range(3)]
    masks[place] = np.full((4, 4), 2, np.uint8)
    with pytest.raises(UsageError, match="bool"):
        iou(*masks)


def test_number_of_clicks_by_hand() -> None:
    ious = [[0.9, 0.1, 0.1], [0.1, 0.85, 0.8], [0.1, 0.2, 0.86], [0.1, 0.2, 0.3]]
    assert number_of_clicks(ious, 0.85).tolist() == [1, 2, 3, 3]
    assert failures(ious, 0.85) == 1
    assert number_of_clicks(ious, 0.9).tolist() == [1, 3, 3, 3]
    assert failures(ious, 0.9) == 3


@given(TABLES, st.floats(0, 1))
def test_number_of_clicks_equals_a_loop(ious: np.ndarray, target: float) -> None:
    expected, failed = [], 0
    for values in ious.tolist():
        for clicks, value in enumerate(values, 1):
            if value >= target:
                expected.append(clicks)
                break
        else:
            expected.append(len(values))
            failed += 1
    assert number_of_clicks(ious, target).tolist() == expected
    assert failures(ious, target) == failed


@pytest.mark.parametrize("ious", [[], [0.5, 0.6], [[], []]])
def test_ious_that_are_no_table_are_refused(ious: list) -> None:
    with pytest.raises(UsageError, match="objects, clicks"):
        number_of_clicks(ious, 0.9)


def test_bootstrap_equals_the_enumeration_of_all_resamples() -> None:
    values = [0.0, 0.1, 0.5, 0.9]
    means = sorted(np.mean(draw) for draw in itertools.product(values, repeat=4))
    result = estimate(values, resamples=20_000)
    assert result.mean == pytest.approx(0.375)
    assert result.low == pytest.approx(np.percentile(means, 2.5), abs=0.026)
    assert result.high == pytest.approx(np.percentile(means, 97.5), abs=0.026)


def test_bootstrap_of_many_values_equals_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    error = 1.96 * values.std() / 20
    result = estimate(values, resamples=4000)
    assert result.mean - result.low == pytest.approx(error, rel=0.08)
    assert result.high - result.mean == pytest.approx(error, rel=0.08)


def test_bootstrap_is_seeded() -> None:
    values = np.random.default_rng(1).random(30)
    assert estimate(values, 200, seed=3) == estimate(values, 200, seed=3)
    assert estimate(values, 200, seed=3) != estimate(values, 200, seed=4)


def test_no_values_have_no_mean() -> None:
    with pytest.raises(UsageError, match="list of values"):
        estimate([])
