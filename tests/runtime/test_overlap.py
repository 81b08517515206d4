"""IoU and pixel accuracy by hand, and against second implementations over sets and loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from ioebss.errors import UsageError
from ioebss.overlap import iou, pixel_accuracy

MASKS = arrays(np.bool_, (3, 5, 4))


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
